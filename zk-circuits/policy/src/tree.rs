//! Trees of a fixed number of children a node, which the issuer set and the status lists are.
//!
//! A node is the digest of its children. Places that were never set hold zero, so an empty tree has a root too.

use std::marker::PhantomData;

use ark_bls12_381::Fr;
use ark_ff::AdditiveGroup as _;
use ark_r1cs_std::alloc::AllocVar as _;
use ark_r1cs_std::fields::FieldVar as _;
use ark_r1cs_std::fields::fp::FpVar;
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};

use crate::bits;
use crate::poseidon::{Hash, ISSUER_NODE, STATUS_NODE};

/// A kind of tree: how many children a node has, and how they are hashed.
pub(crate) trait Kind<const ARITY: usize> {
    const NODE: Hash;
}

/// Issuer sets: eleven children.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Issuers {}

/// Status lists: eight children, so that a place is three bits a level.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Statuses {}

impl Kind<11> for Issuers {
    const NODE: Hash = ISSUER_NODE;
}

impl Kind<8> for Statuses {
    const NODE: Hash = STATUS_NODE;
}

/// A tree, all of it in memory: 32 bytes a leaf, and a little more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Tree<K, const ARITY: usize> {
    kind: PhantomData<K>,
    /// Leaves first, the root last.
    levels: Vec<Vec<Fr>>,
}

/// The nodes from a leaf's parent to the root, each as its children.
pub(crate) type Path<const ARITY: usize, const DEPTH: usize> = [[Fr; ARITY]; DEPTH];

impl<K: Kind<ARITY>, const ARITY: usize> Tree<K, ARITY> {
    /// All leaves zero.
    pub(crate) fn new(depth: usize) -> Self {
        let mut levels = vec![vec![Fr::ZERO; ARITY.pow(u32::try_from(depth).unwrap_or(u32::MAX))]];
        let mut value = Fr::ZERO;
        for level in 0..depth {
            value = K::NODE.of(&[value; ARITY]);
            levels.push(vec![value; levels.get(level).map_or(0, Vec::len) / ARITY]);
        }
        Self { kind: PhantomData, levels }
    }

    /// Sets leaves, hashing each node above them once. Places outside the tree are refused before any is set.
    pub(crate) fn set(&mut self, leaves: impl IntoIterator<Item = (usize, Fr)>) -> Option<()> {
        let leaves: Vec<_> = leaves.into_iter().collect();
        let bottom = self.levels.first_mut()?;
        if leaves.iter().any(|(place, _)| *place >= bottom.len()) {
            return None;
        }
        let mut changed: Vec<usize> = Vec::with_capacity(leaves.len());
        for (place, leaf) in leaves {
            *bottom.get_mut(place)? = leaf;
            changed.push(place);
        }
        for level in 1..self.levels.len() {
            changed.iter_mut().for_each(|place| *place /= ARITY);
            changed.sort_unstable();
            changed.dedup();
            let (below, above) = self.levels.split_at_mut(level);
            let (below, above) = (below.last()?, above.first_mut()?);
            for place in &changed {
                *above.get_mut(*place)? = K::NODE.of(below.get(place * ARITY..(place + 1) * ARITY)?);
            }
        }
        Some(())
    }

    pub(crate) fn root(&self) -> Fr {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or(Fr::ZERO)
    }

    /// The path of a leaf; `None` outside the tree or for another depth.
    pub(crate) fn path<const DEPTH: usize>(&self, place: usize) -> Option<Path<ARITY, DEPTH>> {
        if self.levels.len() != DEPTH + 1 {
            return None;
        }
        let mut path = [[Fr::ZERO; ARITY]; DEPTH];
        let mut place = place;
        for (node, level) in path.iter_mut().zip(&self.levels) {
            let first = place / ARITY * ARITY;
            node.copy_from_slice(level.get(first..first + ARITY)?);
            place /= ARITY;
        }
        Some(path)
    }
}

/// Whether `leaf` lies at `place` below `root`.
pub(crate) fn is_at<K: Kind<ARITY>, const ARITY: usize>(
    path: &[[Fr; ARITY]],
    leaf: Fr,
    mut place: usize,
    root: Fr,
) -> bool {
    let mut node = leaf;
    for children in path {
        if children.get(place % ARITY) != Some(&node) {
            return false;
        }
        node = K::NODE.of(children);
        place /= ARITY;
    }
    place == 0 && node == root
}

/// Whether `leaf` lies anywhere below `root`.
pub(crate) fn is_below<K: Kind<ARITY>, const ARITY: usize>(path: &[[Fr; ARITY]], leaf: Fr, root: Fr) -> bool {
    let mut node = leaf;
    for children in path {
        if !children.contains(&node) {
            return false;
        }
        node = K::NODE.of(children);
    }
    node == root
}

/// The root above `leaf` at the place that `place` numbers, three bits a level, the lowest first.
pub(crate) fn climb<K: Kind<8>>(
    wires: &ConstraintSystemRef<Fr>,
    path: &[[Fr; 8]],
    leaf: FpVar<Fr>,
    place: &[FpVar<Fr>],
) -> Result<FpVar<Fr>, SynthesisError> {
    let mut node = leaf;
    for (children, bits) in path.iter().zip(place.chunks(3)) {
        let children = allocate(wires, children)?;
        bits::enforce_chosen(bits, &children, &node)?;
        node = K::NODE.constrain(&children)?;
    }
    Ok(node)
}

/// The root above `leaf` at some place, which stays hidden and need not be known.
pub(crate) fn rise<K: Kind<ARITY>, const ARITY: usize>(
    wires: &ConstraintSystemRef<Fr>,
    path: &[[Fr; ARITY]],
    leaf: FpVar<Fr>,
) -> Result<FpVar<Fr>, SynthesisError> {
    let mut node = leaf;
    for children in path {
        let children = allocate(wires, children)?;
        let (last, others) = children.split_last().ok_or(SynthesisError::AssignmentMissing)?;
        bits::distance(&node, others).mul_equals(&(&node - last), &FpVar::zero())?;
        node = K::NODE.constrain(&children)?;
    }
    Ok(node)
}

fn allocate(wires: &ConstraintSystemRef<Fr>, children: &[Fr]) -> Result<Vec<FpVar<Fr>>, SynthesisError> {
    children.iter().map(|child| FpVar::new_witness(wires.clone(), || Ok(*child))).collect()
}
