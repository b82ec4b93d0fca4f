// The policy statement in circom and snarkjs: Groth16 over BN254, in WebAssembly, on all cores.
//   node snarkjs.mjs CACHE [N]
// One JSON line a figure on standard output, progress on standard error. CACHE keeps the setup for the next run. The
// setup is for measuring only: whoever makes it knows its secret.
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildEddsa } from "circomlibjs";
import * as snarkjs from "snarkjs";

const POWER = 14;
const [CACHE, N] = [process.argv[2], Number(process.argv[3] ?? 10)];
if (!CACHE || !(N >= 1)) {
    console.error("usage: node snarkjs.mjs CACHE [N]");
    process.exit(2);
}

const say = (text) => console.error(`snarkjs: ${text}`);
const ensure = (holds, text) => {
    if (!holds) throw new Error(text);
};
const print = (name, value, unit, samples) => {
    value = value < 1000 ? Math.round(value * 100) / 100 : Math.round(value);
    console.log(JSON.stringify({ name: `peer.snarkjs.${name}`, value, unit, samples }));
};

// ---- setup

// The path of a file in `folder`, which `make` makes if it is not there.
async function cached(folder, name, make) {
    const [file, unfinished] = [join(folder, name), join(folder, `unfinished.${name}`)];
    if (!existsSync(file)) {
        say(`making ${name}`);
        mkdirSync(folder, { recursive: true });
        await make(unfinished);
        renameSync(unfinished, file);
    }
    return file;
}

const entropy = () => randomBytes(32).toString("hex");

// The compiler, itself WebAssembly, finds included files below the folder that it runs in only.
function compile(source, folder) {
    const compiler = createRequire(import.meta.url).resolve("circom2/cli.js");
    mkdirSync(folder, { recursive: true });
    const options = ["--r1cs", "--wasm", "--O2", "-l", "node_modules", "-o", resolve(folder)];
    const how = { cwd: join(compiler, "../../.."), stdio: ["ignore", 2, 2] };
    const { status } = spawnSync(process.execPath, [compiler, source, ...options], how);
    ensure(status === 0, "the circuit does not compile");
}

async function setup() {
    const source = fileURLToPath(new URL("policy.circom", import.meta.url));
    const lock = new URL("package-lock.json", import.meta.url);
    const of = createHash("sha256").update(readFileSync(source)).update(readFileSync(lock)).digest("hex");
    const folder = join(CACHE, of.slice(0, 16));

    const compiled = await cached(folder, "compiled", (into) => compile(source, into));
    const [r1cs, wasm] = [join(compiled, "policy.r1cs"), join(compiled, "policy_js/policy.wasm")];
    const powers = await cached(CACHE, `powers${POWER}.ptau`, async (into) => {
        const curve = await snarkjs.curves.getCurveFromName("bn128");
        const [fresh, contributed] = [{ type: "mem" }, { type: "mem" }];
        await snarkjs.powersOfTau.newAccumulator(curve, POWER, fresh);
        await snarkjs.powersOfTau.contribute(fresh, contributed, "development", entropy());
        await snarkjs.powersOfTau.preparePhase2(contributed, into);
    });
    const key = await cached(folder, "policy.zkey", async (into) => {
        const fresh = { type: "mem" };
        await snarkjs.zKey.newZKey(r1cs, powers, fresh);
        await snarkjs.zKey.contribute(fresh, into, "development", entropy());
    });
    const { nConstraints } = await snarkjs.r1cs.info(r1cs);
    print("constraints", nConstraints, "", 1);
    print("pk_bytes", statSync(key).size, "B", 1);
    return {
        wasm: { type: "mem", data: readFileSync(wasm) },
        key: { type: "mem", data: readFileSync(key) },
        verifying: await snarkjs.zKey.exportVerificationKey(key),
    };
}

// ---- a world to make statements in

const eddsa = await buildEddsa();
const field = eddsa.F;
const number = (element) => field.toObject(element);
const hash = (label, ...inputs) => number(eddsa.poseidon(inputs, label));
const HOLDER = 1, NULLIFIER = 2, ISSUER = 3, NODE = 4, ATTRIBUTES = 5, CREDENTIAL = 6;

const random = (bits) => BigInt(`0x${randomBytes(32).toString("hex")}`) >> BigInt(256 - bits);
const element = () => random(253);
const bits = (value, count) => Array.from({ length: count }, (_, index) => (value >> index) & 1);

// A tree of eight children a node, of which only what is not empty is kept.
class Tree {
    constructor(depth, leaves) {
        this.empty = [0n];
        this.levels = [leaves];
        for (let level = 0; level < depth; level++) {
            const above = new Map();
            for (const place of this.levels[level].keys()) {
                if (!above.has(place >> 3)) above.set(place >> 3, hash(NODE, ...this.children(level, place >> 3)));
            }
            this.empty.push(hash(NODE, ...Array(8).fill(this.empty[level])));
            this.levels.push(above);
        }
        this.root = this.levels[depth].get(0);
    }

    children(level, parent) {
        return Array.from({ length: 8 }, (_, index) => this.levels[level].get(8 * parent + index) ?? this.empty[level]);
    }

    path(place) {
        return this.empty.slice(1).map((_, level) => this.children(level, place >> (3 * (level + 1))));
    }
}

// A random statement and what makes it true, unless the credential is revoked or its issuer's last day is over.
function example({ revoked = false, late = false } = {}) {
    const [secret, salt, schema, scope, context] = Array.from({ length: 5 }, element);
    const holder = hash(HOLDER, secret, salt);

    // Slots 0 to 7 hold any elements, 8 to 15 numbers.
    const attributes = Array.from({ length: 16 }, (_, slot) => (slot < 8 ? element() : random(40)));
    const issued = 18_000n + random(10);
    attributes[14] = issued;
    const handle = Number(random(22));

    const signer = randomBytes(32);
    const key = eddsa.prv2pub(signer).map(number);
    const message = hash(CREDENTIAL, hash(ATTRIBUTES, ...attributes), holder, BigInt(handle), schema);
    const { R8, S } = eddsa.signPoseidon(signer, field.e(message));

    // A thousand others are revoked, among them the handle's neighbour.
    const words = new Map();
    const revoke = (other) => words.set(other >> 7, (words.get(other >> 7) ?? 0n) | (1n << BigInt(other & 127)));
    for (let count = 0; count < 999; count++) {
        const other = Number(random(22));
        if (other !== handle) revoke(other);
    }
    revoke(handle ^ 1);
    if (revoked) revoke(handle);
    const list = new Tree(5, words);

    const until = late ? issued - 1n : issued + 30n;
    const place = Number(random(12));
    const entries = new Map(Array.from({ length: 50 }, () => [Number(random(12)), element()]));
    entries.set(place, hash(ISSUER, ...key, list.root, until));
    const set = new Tree(4, entries);

    // One equality, seven ranges, one set.
    const slots = [0, 8, 9, 10, 11, 12, 14, 15];
    const low = (slot) => (slot === 0 ? attributes[0] : attributes[slot] - random(12));
    const high = (slot) => (slot === 0 ? attributes[0] : attributes[slot] + random(12));
    return {
        issuers: set.root, schema, scope, context,
        slots: slots.map((slot) => bits(slot, 4)), lows: slots.map(low), highs: slots.map(high),
        setSlot: bits(3, 4), setUsed: 1, members: Array.from({ length: 64 }, element).with(40, attributes[3]),
        nullifier: hash(NULLIFIER, secret, scope),
        secret, salt, attributes, handle, key, commitment: R8.map(number), response: S, status: list.root, until,
        issuerPath: set.path(place), word: words.get(handle >> 7), statusPath: list.path(handle >> 7),
    };
}

// Each breaks one rule.
const WRONG = {
    "holder's secret": () => ({ ...example(), secret: 1n }),
    "holder's salt": () => ({ ...example(), salt: 1n }),
    "attribute": (right) => ({ ...right, attributes: right.attributes.with(1, 1n) }),
    "schema": (right) => ({ ...right, schema: 1n }),
    "issuer set": (right) => ({ ...right, issuers: 1n }),
    "last day": () => example({ late: true }),
    "handle": (right) => ({ ...right, handle: right.handle ^ 128 }),
    "revoked": () => example({ revoked: true }),
    "word": () => {
        const wrong = example({ revoked: true });
        return { ...wrong, word: wrong.word ^ (1n << BigInt(wrong.handle & 127)) };
    },
    "too low": (right) => ({ ...right, lows: right.lows.with(7, right.attributes[15] + 1n) }),
    "too high": (right) => ({ ...right, highs: right.highs.with(7, right.attributes[15] - 1n) }),
    "not equal": (right) => ({ ...right, lows: right.lows.with(0, 1n), highs: right.highs.with(0, 1n) }),
    "not in the set": (right) => ({ ...right, members: right.members.with(40, 1n) }),
    "nullifier": (right) => ({ ...right, nullifier: 1n }),
    "scope": (right) => ({ ...right, scope: 1n }),
};

// ---- measuring

async function timed(times, run) {
    const start = performance.now();
    const result = await run();
    times.push(performance.now() - start);
    return result;
}

function median(times) {
    const sorted = times.toSorted((one, other) => one - other);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const { wasm, key, verifying } = await setup();

say("refusing what is wrong");
const tell = console.error;
console.error = () => {}; // the calculator tells every broken constraint
for (const [what, make] of Object.entries(WRONG)) {
    const broken = (error) => error.message.includes("Assert Failed");
    const refused = await snarkjs.wtns.calculate(make(example()), wasm, { type: "mem" }).then(() => false, broken);
    ensure(refused, `a wrong statement passes: ${what}`);
}
console.error = tell;

say(`proving and verifying, ${N} times after a warm-up`);
const [proving, checking, sizes] = [[], [], []];
for (let run = 0; run <= N; run++) {
    const input = example();
    const shown = await timed(proving, () => snarkjs.groth16.fullProve(input, wasm, key));
    const { proof, publicSignals } = shown;
    const right = await timed(checking, () => snarkjs.groth16.verify(verifying, publicSignals, proof));
    ensure(right, "a right proof is refused");
    for (let index = 0; run === 0 && index < publicSignals.length; index++) {
        const altered = publicSignals.with(index, "7");
        ensure(!(await snarkjs.groth16.verify(verifying, altered, proof)), `public input ${index} is not bound`);
    }
    sizes.push(JSON.stringify(shown).length);
    if (run === 0) [proving, checking, sizes].forEach((list) => (list.length = 0));
}
print("prove_ms", median(proving), "ms", N);
print("verify_ms", median(checking), "ms", N);
print("proof_bytes", median(sizes), "B", N);
await (await snarkjs.curves.getCurveFromName("bn128")).terminate();
process.exit(0);
