use ct_merkle::digest::consts::U32;
use ct_merkle::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Digest as _;

use super::*;

/// Beyond two powers of two and their neighbours.
const SIZES: u64 = 131;

fn leaf(number: u64) -> Digest {
    Digest::sha256(&number.to_le_bytes())
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(leaf).collect()
}

/// Our SHA-256 behind the trait that the oracle asks for, which is of a later `digest` than ours.
#[derive(Clone, Default)]
struct OracleSha256(sha2::Sha256);

impl HashMarker for OracleSha256 {}

impl OutputSizeUser for OracleSha256 {
    type OutputSize = U32;
}

impl Update for OracleSha256 {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

impl FixedOutput for OracleSha256 {
    fn finalize_into(self, out: &mut Output<Self>) {
        out.copy_from_slice(&self.0.finalize());
    }
}

/// `ct-merkle`, written by others, is the oracle.
fn oracle(count: u64) -> MemoryBackedTree<OracleSha256, [u8; 32]> {
    let mut tree = MemoryBackedTree::new();
    for number in 0..count {
        tree.push(*leaf(number).as_bytes());
    }
    tree
}

fn bytes(path: &Path) -> Vec<u8> {
    path.0.iter().flat_map(|digest| *digest.as_bytes()).collect()
}

#[test]
fn roots_and_inclusion_paths_equal_the_oracles() {
    for size in 1..=SIZES {
        let (tree, oracle) = (Tree::new(&leaves(size)), oracle(size));
        let root = tree.root();
        assert_eq!(root.as_bytes().as_slice(), oracle.root().as_bytes().as_slice(), "root of {size}");
        for index in 0..size {
            let path = tree.inclusion(index).unwrap();
            let expected = oracle.prove_inclusion(usize::try_from(index).unwrap());
            assert_eq!(bytes(&path), expected.as_bytes(), "leaf {index} of {size}");
            assert!(verify_inclusion(&root, size, index, &leaf(index), &path));
        }
        assert_eq!(tree.inclusion(size), None);
    }
}

#[test]
fn consistency_paths_equal_the_oracles() {
    let largest = Tree::new(&leaves(SIZES)); // complete subtrees of every smaller tree are among its nodes
    for new in 1..=SIZES {
        let oracle = oracle(new);
        for old in 1..=new {
            let path = consistency(&largest, old, new).unwrap();
            let expected = oracle.prove_consistency(usize::try_from(new - old).unwrap());
            assert_eq!(bytes(&path), expected.as_bytes(), "{old} to {new}");
            assert!(
                verify_consistency(&root(&largest, old), old, &root(&largest, new), new, &path),
                "{old} to {new}"
            );
        }
        assert_eq!(consistency(&largest, 0, new), None);
        assert_eq!(consistency(&largest, new + 1, new), None);
    }
}

/// The roots that Certificate Transparency's own tests pin (RFC 6962 reference data, 0 to 8 leaves).
#[test]
fn roots_of_rfc_6962() {
    let inputs =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let expected = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    // These leaves are not digests, so the nodes are stored from their hashes.
    let mut tree = Stored::default();
    for (size, root_hex) in expected.iter().enumerate() {
        assert_eq!(root(&tree, size as u64).to_string(), *root_hex, "root of {size}");
        if let Some(input) = inputs.get(size) {
            tree.push_hash(Digest::sha256(&[vec![0], hex::decode(input).unwrap()].concat()));
        }
    }
}

/// Nodes as the ledger keeps them: by level and index, as `append` hands them out.
#[derive(Default)]
struct Stored {
    nodes: std::collections::BTreeMap<(u32, u64), Digest>,
    size: u64,
}

impl Nodes for Stored {
    fn node(&self, level: u32, index: u64) -> Digest {
        self.nodes[&(level, index)]
    }
}

impl Stored {
    fn push(&mut self, leaf: &Digest) {
        let mut fresh = Vec::new();
        append(self, self.size, leaf, |level, index, hash| fresh.push(((level, index), hash)));
        self.nodes.extend(fresh);
        self.size += 1;
    }

    fn push_hash(&mut self, hash: Digest) {
        let (mut hash, mut level, mut index) = (hash, 0, self.size);
        self.nodes.insert((level, index), hash);
        while index % 2 == 1 {
            hash = join(&self.node(level, index - 1), &hash);
            (level, index) = (level + 1, index / 2);
            self.nodes.insert((level, index), hash);
        }
        self.size += 1;
    }
}

#[test]
fn appending_leaf_by_leaf_stores_what_the_whole_tree_holds() {
    let mut stored = Stored::default();
    for size in 0..=SIZES {
        let tree = Tree::new(&leaves(size));
        assert_eq!((tree.size(), root(&stored, size)), (size, tree.root()));
        stored.push(&leaf(size));
    }
    let earlier = Tree::new(&leaves(100));
    assert_eq!(root(&stored, 100), earlier.root(), "older roots stay computable");
    assert_eq!(inclusion(&stored, 63, 100), earlier.inclusion(63));
}

#[test]
fn the_empty_tree_hashes_to_the_hash_of_nothing() {
    let empty = Tree::new(&[]);
    assert_eq!((empty.size(), empty.root()), (0, Digest::sha256(b"")));
    assert_eq!(empty.inclusion(0), None);
    assert!(!verify_inclusion(&empty.root(), 0, 0, &leaf(0), &Path::default()));
}

#[test]
fn a_path_proves_one_leaf_at_one_place_of_one_tree() {
    for size in [1, 2, 3, 5, 8, 13, 64, 100] {
        let tree = Tree::new(&leaves(size));
        let root = tree.root();
        for index in 0..size {
            let path = tree.inclusion(index).unwrap();
            for other in (0..size + 2).filter(|other| *other != index) {
                assert!(
                    !verify_inclusion(&root, size, other, &leaf(index), &path),
                    "moved {index} to {other}"
                );
                assert!(
                    !verify_inclusion(&root, size, index, &leaf(other), &path),
                    "leaf {other} for {index}"
                );
            }
            assert!(!verify_inclusion(&leaf(0), size, index, &leaf(index), &path), "another root");
            refuse_changed(&path, |path| verify_inclusion(&root, size, index, &leaf(index), path));
        }
    }
}

#[test]
fn a_node_does_not_pass_for_a_leaf() {
    let tree = Tree::new(&leaves(4));
    let inner = tree.node(1, 0);
    let path = Path(vec![tree.node(1, 1)]);
    assert!(!verify_inclusion(&tree.root(), 2, 0, &inner, &path), "0x00 and 0x01 keep them apart");
}

#[test]
fn consistency_holds_for_these_two_trees_only() {
    let tree = Tree::new(&leaves(40));
    let at = |size| root(&tree, size);
    for (old, new) in [(1, 2), (3, 7), (4, 8), (6, 8), (8, 9), (31, 33), (32, 40), (39, 40)] {
        let path = consistency(&tree, old, new).unwrap();
        let holds = |path: &Path| verify_consistency(&at(old), old, &at(new), new, path);
        assert!(holds(&path));
        refuse_changed(&path, holds);
        assert!(!verify_consistency(&at(old), old - 1, &at(new), new, &path), "{old} to {new}, older");
        assert!(
            !verify_consistency(&at(old - 1), old, &at(new), new, &path),
            "{old} to {new}, other old root"
        );
        assert!(
            !verify_consistency(&at(old), old, &at(new - 1), new, &path),
            "{old} to {new}, other new root"
        );
        assert!(!verify_consistency(&at(new), new, &at(old), old, &path), "backwards");
    }
    let same = Path::default();
    assert!(verify_consistency(&at(7), 7, &at(7), 7, &same));
    assert!(!verify_consistency(&at(7), 7, &at(8), 7, &same), "two heads of one size (a split view)");
    assert!(!verify_consistency(&at(7), 7, &at(7), 7, &Path(vec![leaf(0)])));
    assert!(!verify_consistency(&at(0), 0, &at(7), 7, &same));
}

/// Each single change of a valid path must be refused: cut, grown, reordered, one bit.
fn refuse_changed(path: &Path, holds: impl Fn(&Path) -> bool) {
    let path = &path.0;
    for place in 0..path.len() {
        let mut cut = path.clone();
        cut.remove(place);
        assert!(!holds(&Path(cut)), "without node {place}");
        let mut flipped = *path[place].as_bytes();
        flipped[place % 32] ^= 1;
        let mut changed = path.clone();
        changed[place] = Digest::from_bytes(flipped);
        assert!(!holds(&Path(changed)), "bit flipped in node {place}");
        if place > 0 {
            let mut swapped = path.clone();
            swapped.swap(place - 1, place);
            assert!(!holds(&Path(swapped)), "nodes {place} swapped");
        }
    }
    for place in 0..=path.len() {
        let mut grown = path.clone();
        grown.insert(place, leaf(9));
        assert!(!holds(&Path(grown)), "one node more at {place}");
    }
    assert!(!holds(&Path(vec![leaf(0); LONGEST + 1])), "longer than any tree is deep");
}

proptest! {
    /// Sizes and indices from outside may be anything; the answer is no, not a panic.
    #[test]
    fn any_numbers_are_answered(sizes in any::<(u64, u64)>(), length in 0..70usize) {
        let path = Path(vec![leaf(1); length]);
        let (one, other) = sizes;
        prop_assert!(!verify_inclusion(&leaf(2), one, other, &leaf(3), &path));
        prop_assert!(!verify_consistency(&leaf(2), one, &leaf(3), other, &path));
    }
}
