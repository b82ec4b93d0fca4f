//! Temporary.
#![allow(unreachable_pub)]
use causeway::{actor, agency, checkpoint, files, identity, ledger, setup};
mod bench;
use did_registry::*;
use std::time::Instant;
fn t(name: &str, mut f: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..7 {
        let b = Instant::now();
        for _ in 0..2000 { f() }
        best = best.min(b.elapsed().as_secs_f64() / 2000.0 * 1e6);
    }
    eprintln!("{name}: {best:.2} us");
}
fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("micro") {
        let k = |s| SigningKey::generate(s, &mut rand::rngs::OsRng);
        let (c, e, p) = (k(Suite::Ed25519).public_key(), k(Suite::Ed25519).public_key(), k(Suite::P256).public_key());
        let both = Purposes::ASSERTION.and(Purposes::AUTHENTICATION);
        let g = Genesis::new(NetworkId::new("bench")?, c.clone(), c.commitment()).with_key("ed25519-1", both, e.clone()).with_key("es256-1", both, p.clone());
        let at = Moment { height: 1, time: Timestamp::default() };
        let r = DidRecord::create(&g.did(), &g, at)?;
        let bytes = canonical::encode(&r);
        eprintln!("record {} bytes", bytes.len());
        let (eb, pb) = (e.to_bytes(), p.to_bytes());
        t("ed new", || { std::hint::black_box(PublicKey::new(Suite::Ed25519, &eb).unwrap()); });
        t("p256 new", || { std::hint::black_box(PublicKey::new(Suite::P256, &pb).unwrap()); });
        t("decode", || { std::hint::black_box(canonical::decode::<DidRecord>(&bytes, 65536).unwrap()); });
        t("encode", || { std::hint::black_box(canonical::encode(&r)); });
        t("document", || { std::hint::black_box(document(&r)); });
        t("document text", || { std::hint::black_box(document(&r).to_string()); });
        t("multibase", || { std::hint::black_box(e.to_multibase()); });
        t("did text", || { std::hint::black_box(r.did.to_string()); });
        let text = r.did.to_string();
        t("did parse", || { std::hint::black_box(text.parse::<Did>().unwrap()); });
        let sk = k(Suite::Ed25519);
        t("ed sign", || { std::hint::black_box(sk.sign(&[7;32])); });
        let tx = ledger_chain::Transaction{actor:r.did.clone(),sequence:0,operation:ledger_chain::Operation::Did(DidOperation::Create(g.clone()))};
        let l = Digest::sha256(b"x");
        t("genesis did", || { std::hint::black_box(g.did()); });
        t("tx message", || { std::hint::black_box(tx.message(&l)); });
        t("record create", || { std::hint::black_box(DidRecord::create(&r.did, &g, at).unwrap()); });
        t("tx sign", || { std::hint::black_box(tx.clone().sign(&l,&sk)); });
        let s = tx.clone().sign(&l,&sk);
        eprintln!("tx {} bytes", s.to_bytes().len());
        t("tx id", || { std::hint::black_box(s.id()); });
        return Ok(());
    }
    bench::run(std::env::args().nth(1).as_deref())
}
