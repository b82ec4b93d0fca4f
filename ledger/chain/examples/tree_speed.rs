use std::collections::HashMap;
use std::time::Instant;
use did_registry::{Digest, digest};
use ledger_chain::tree::*;

#[derive(Default)]
struct Store { nodes: HashMap<Vec<u8>, Vec<u8>> }
impl TreeReader for Store {
    fn node(&self, key: &[u8]) -> Option<Vec<u8>> { self.nodes.get(key).cloned() }
    fn value(&self, _: &Digest, _: u64) -> Option<Vec<u8>> { None }
}
fn main() {
    let base: u64 = std::env::args().nth(1).map_or(100_000, |a| a.parse().unwrap());
    let block: u64 = std::env::args().nth(2).map_or(5_000, |a| a.parse().unwrap());
    let mut store = Store::default();
    let mut roots = ShardRoots::EMPTY;
    let record = vec![7u8; 200];
    let mut put = |store: &mut Store, roots: &mut ShardRoots, version: u64, range: std::ops::Range<u64>| {
        let mut shards: [Vec<Entry>; SHARDS] = Default::default();
        for i in range { let h = digest("x", &[&i.to_le_bytes()]); shards[(h.as_bytes()[0] >> 4) as usize].push((h, &record)); }
        let (mut time, mut nodes, mut bytes) = (0.0, 0, 0);
        for (s, e) in shards.into_iter().enumerate() {
            let t = Instant::now();
            let u = update_shard(store, s as u8, version, roots.get(s as u8), e);
            time += t.elapsed().as_secs_f64();
            nodes += u.nodes.len(); bytes += u.nodes.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
            roots.apply(&u);
            for k in &u.stale { store.nodes.remove(k); }
            store.nodes.extend(u.nodes);
        }
        (time, nodes, bytes)
    };
    let mut v = 0;
    let mut n = 0;
    while n < base { put(&mut store, &mut roots, v, n..(n + 50_000).min(base)); n += 50_000; v += 1; }
    let n0 = n;
    let (mut t, mut nodes, mut bytes) = (0.0, 0, 0);
    while n < n0 + 10 * block { let r = put(&mut store, &mut roots, v, n..n + block); n += block; v += 1; t += r.0; nodes += r.1; bytes += r.2; }
    let keys = (10 * block) as f64;
    println!("base {base} block {block}: insert {:.2} us/key, {:.2} nodes/key, {:.0} B/key", t * 1e6 / keys, nodes as f64 / keys, bytes as f64 / keys);
    let (mut t, mut k) = (0.0, 0);
    for b in 0..10 { let s = (b * 9973) % (base - block); let r = put(&mut store, &mut roots, v, s..s + block); v += 1; t += r.0; k += block; }
    println!("  update {:.2} us/key  root {}", t * 1e6 / k as f64, roots.state_root());
}
