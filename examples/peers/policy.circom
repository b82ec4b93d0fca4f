// The policy statement, as a user of circom would write it: the same rules in the same order as our own circuit, the
// same shapes (16 attributes, trees of eight children with 4 and 5 levels, words of 128 bits, 8 predicates, a set of
// 64) and the same 122 public inputs.
//
// What differs, and why it is the same statement:
// - The field and the curve inside it are BN254's and Baby Jubjub, which circomlib is made for, not BLS12-381's and
//   Jubjub. That is about 100 bits of security, not 128.
// - The signature is circomlib's EdDSA. It covers a digest of (attributes, holder, handle, schema), where our Schnorr
//   challenge covers the four themselves: one more hash, the same values signed. The nonce commitment is an input, so
//   it is held to the curve here; ours follows from the response.
// - A digest is word 0 of the permuted state, not word 1.
pragma circom 2.1.0;

include "circomlib/circuits/babyjub.circom";
include "circomlib/circuits/bitify.circom";
include "circomlib/circuits/eddsaposeidon.circom";
include "circomlib/circuits/mux1.circom";
include "circomlib/circuits/poseidon.circom";

// Poseidon with a label in the word of capacity, so that no digest of one use is one of another. Labels: 1 holder key,
// 2 nullifier, 3 issuer, 4 tree node, 5 attributes, 6 credential; 0 is EdDSA's challenge.
template Hash(label, n) {
    signal input in[n];
    signal digest[1] <== PoseidonEx(n, 1)(in, label);
    signal output out <== digest[0];
}

// The value at the place that `bits` number, the lowest first. 2^n - 1 constraints.
template Choose(n) {
    signal input values[2 ** n];
    signal input bits[n];
    signal output out;
    component layers[n];
    for (var i = 0; i < n; i++) {
        var width = 2 ** (n - 1 - i);
        layers[i] = MultiMux1(width);
        layers[i].s <== bits[i];
        for (var j = 0; j < width; j++) {
            for (var k = 0; k < 2; k++) {
                if (i == 0) {
                    layers[i].c[j][k] <== values[2 * j + k];
                } else {
                    layers[i].c[j][k] <== layers[i - 1].out[2 * j + k];
                }
            }
        }
    }
    out <== layers[n - 1].out[0];
}

// Zero where `value` is one of the choices. n - 1 constraints.
template Distance(n) {
    signal input value;
    signal input choices[n];
    signal products[n];
    products[0] <== value - choices[0];
    for (var i = 1; i < n; i++) {
        products[i] <== products[i - 1] * (value - choices[i]);
    }
    signal output out <== products[n - 1];
}

// The root above a leaf at the place that `place` numbers, three bits a level, the lowest first.
template Climb(depth) {
    signal input leaf;
    signal input children[depth][8];
    signal input place[3 * depth];
    signal nodes[depth + 1];
    signal chosen[depth];
    nodes[0] <== leaf;
    for (var i = 0; i < depth; i++) {
        chosen[i] <== Choose(3)(children[i], [place[3 * i], place[3 * i + 1], place[3 * i + 2]]);
        chosen[i] === nodes[i];
        nodes[i + 1] <== Hash(4, 8)(children[i]);
    }
    signal output root <== nodes[depth];
}

// The root above a leaf at some place.
template Rise(depth) {
    signal input leaf;
    signal input children[depth][8];
    signal nodes[depth + 1];
    signal distances[depth];
    nodes[0] <== leaf;
    for (var i = 0; i < depth; i++) {
        distances[i] <== Distance(8)(nodes[i], children[i]);
        distances[i] === 0;
        nodes[i + 1] <== Hash(4, 8)(children[i]);
    }
    signal output root <== nodes[depth];
}

// 0 <= value < 2^n.
template Range(n) {
    signal input value;
    signal bits[n] <== Num2Bits(n)(value);
}

template Policy() {
    // Public. The verifier makes the slots' bits and `setUsed`, so they are bits; unused predicates are true of all.
    signal input issuers;
    signal input schema;
    signal input scope;
    signal input slots[8][4];
    signal input lows[8];
    signal input highs[8];
    signal input setSlot[4];
    signal input setUsed;
    signal input members[64];
    signal input nullifier;
    signal input context;
    // Private.
    signal input secret;
    signal input salt;
    signal input attributes[16];
    signal input handle;
    signal input key[2];
    signal input commitment[2];
    signal input response;
    signal input status;
    signal input until;
    signal input issuerPath[4][8];
    signal input word;
    signal input statusPath[5][8];

    // 1 holder key
    signal holder <== Hash(1, 2)([secret, salt]);

    // 2 signature
    signal digest <== Hash(5, 16)(attributes);
    signal message <== Hash(6, 4)([digest, holder, handle, schema]);
    BabyCheck()(commitment[0], commitment[1]);
    EdDSAPoseidonVerifier()(1, key[0], key[1], response, commitment[0], commitment[1], message);

    // 3 hidden issuer; slot 14 is the day of issue
    signal leaf <== Hash(3, 4)([key[0], key[1], status, until]);
    signal issuersRoot <== Rise(4)(leaf, issuerPath);
    issuersRoot === issuers;
    Range(32)(until - attributes[14]);

    // 4 not revoked: seven bits of the handle are a place in the word, fifteen the word's place in the tree
    signal place[22] <== Num2Bits(22)(handle);
    signal wordBits[128] <== Num2Bits(128)(word);
    component bit = Choose(7);
    bit.values <== wordBits;
    component list = Climb(5);
    list.leaf <== word;
    list.children <== statusPath;
    for (var i = 0; i < 22; i++) {
        if (i < 7) {
            bit.bits[i] <== place[i];
        } else {
            list.place[i - 7] <== place[i];
        }
    }
    bit.out === 0;
    list.root === status;

    // 5 predicates and membership. Both differences are ranges, not comparisons, because a slot may hold any element:
    // circomlib's comparators presume that it is a number.
    signal values[8];
    for (var i = 0; i < 8; i++) {
        values[i] <== Choose(4)(attributes, slots[i]);
        Range(64)(values[i] - lows[i]);
        Range(64)(highs[i] - values[i]);
    }
    signal member <== Choose(4)(attributes, setSlot);
    signal distance <== Distance(64)(member, members);
    distance * setUsed === 0;

    // 6 nullifier
    signal once <== Hash(2, 2)([secret, scope]);
    once === nullifier;

    // 7 context: bound by being named
    signal bound <== context * context;
}

component main {
    public [issuers, schema, scope, slots, lows, highs, setSlot, setUsed, members, nullifier, context]
} = Policy();
