"""AnonCreds (CL signatures, CL accumulator): 16 attributes, 4 integer predicates, non-revocation.

    python -I anoncreds.py [N]

One JSON line a figure on standard output, progress on standard error. -I, because this file has the library's name.
"""

import json
import secrets
import statistics
import sys
import tempfile
import time

import anoncreds as ac

SCHEMA, DEFINITION, REGISTRY, ISSUER = "schema:1", "definition:1", "registry:1", "issuer:1"
ATTRIBUTES = [f"attribute{slot}" for slot in range(16)]
CREDENTIALS = 1000
THEN, NOW = 1_000, 2_000


def say(text):
    print(f"anoncreds: {text}", file=sys.stderr, flush=True)


def figure(name, value, unit, samples):
    value = round(value, 2) if value < 1000 else round(value)
    line = {"name": f"peer.anoncreds.{name}", "value": value, "unit": unit, "samples": samples}
    print(json.dumps(line, separators=(",", ":")), flush=True)


def timed(times, run):
    start = time.perf_counter()
    result = run()
    times.append((time.perf_counter() - start) * 1000)
    return result


class Issuer:
    """An issuer with one schema and one revocation registry."""

    def __init__(self, folder):
        self.schema = ac.Schema.create("certificate", "1.0", ISSUER, ATTRIBUTES)
        say("making the issuer's key (safe primes: seconds to minutes)")
        self.definition, self.key, self.correct = ac.CredentialDefinition.create(
            SCHEMA, self.schema, ISSUER, "1", "CL", support_revocation=True
        )
        say(f"making a registry of {CREDENTIALS} credentials")
        self.registry, self.registry_key = ac.RevocationRegistryDefinition.create(
            DEFINITION, self.definition, ISSUER, "1", "CL_ACCUM", CREDENTIALS, tails_dir_path=folder
        )
        self.statuses = ac.RevocationStatusList.create(
            self.definition, REGISTRY, self.registry, self.registry_key, ISSUER, timestamp=THEN
        )

    def issue(self, link_secret, values, index):
        offer = ac.CredentialOffer.create(SCHEMA, DEFINITION, self.correct)
        request, metadata = ac.CredentialRequest.create(
            secrets.token_hex(8), None, self.definition, link_secret, "1", offer
        )
        config = ac.CredentialRevocationConfig(self.registry, self.registry_key, self.statuses, index)
        signed = ac.Credential.create(self.definition, self.key, offer, request, values, None, config)
        return signed.process(metadata, link_secret, self.definition, self.registry)

    def revoke(self, index, timestamp):
        """The status list afterwards; the current one stays."""
        return self.statuses.update(self.definition, self.registry, self.registry_key, None, [index], timestamp)

    def witness(self, index, statuses):
        return ac.CredentialRevocationState.create(self.registry, statuses, index, self.registry.tails_location)


def request(predicates, at):
    return ac.PresentationRequest.load({
        "name": "policy", "version": "1.0", "nonce": ac.generate_nonce(), "requested_attributes": {},
        "requested_predicates": {
            f"p{place}": {"name": name, "p_type": kind, "p_value": bound, "restrictions": [{"cred_def_id": DEFINITION}]}
            for place, (name, kind, bound) in enumerate(predicates)
        },
        "non_revoked": {"from": at, "to": at},
    })


def prove(issuer, link_secret, credential, asked, witness, at):
    shown = ac.PresentCredentials()
    shown.add_predicates(credential, "p0", "p1", "p2", "p3", timestamp=at, rev_state=witness)
    return ac.Presentation.create(
        asked, shown, None, link_secret, {SCHEMA: issuer.schema}, {DEFINITION: issuer.definition}
    )


def verify(issuer, shown, asked, statuses):
    return shown.verify(
        asked, {SCHEMA: issuer.schema}, {DEFINITION: issuer.definition}, {REGISTRY: issuer.registry}, [statuses]
    )


def refused(run):
    """Whether `run` is false or fails."""
    try:
        return not run()
    except ac.AnoncredsError:
        return True


def main(runs):
    with tempfile.TemporaryDirectory() as folder:
        issuer = Issuer(folder)
        link_secret = ac.create_link_secret()
        numbers = [secrets.randbelow(1 << 30) for _ in ATTRIBUTES]
        index = 1 + secrets.randbelow(CREDENTIALS - 1)
        values = {name: str(number) for name, number in zip(ATTRIBUTES, numbers)}
        credential = issuer.issue(link_secret, values, index)
        statuses = issuer.revoke(index % (CREDENTIALS - 1) + 1, NOW)  # somebody else's
        witness = issuer.witness(index, statuses)
        predicates = [
            (ATTRIBUTES[slot], kind, numbers[slot] + slack)
            for slot, kind, slack in [(0, ">=", -5), (1, "<=", 5), (2, ">=", 0), (3, "<", 1)]
        ]

        say(f"proving and verifying, {runs} times after a warm-up")
        proving, checking, sizes = [], [], []
        for _ in range(runs + 1):
            asked = request(predicates, NOW)
            shown = timed(proving, lambda: prove(issuer, link_secret, credential, asked, witness, NOW))
            if not timed(checking, lambda: verify(issuer, shown, asked, statuses)):
                sys.exit("anoncreds: a right presentation is refused")
            sizes.append(len(shown.to_json()))

        say("refusing what is wrong")
        if not refused(lambda: verify(issuer, shown, request(predicates, NOW), statuses)):
            sys.exit("anoncreds: a presentation passes for another nonce")
        false = predicates[:3] + [(ATTRIBUTES[3], "<", numbers[3])]
        if not refused(lambda: prove(issuer, link_secret, credential, request(false, NOW), witness, NOW)):
            sys.exit("anoncreds: a false predicate is proved")
        gone = issuer.revoke(index, NOW)
        if not refused(lambda: verify(issuer, shown, asked, gone)):
            sys.exit("anoncreds: a witness from before the revocation passes")

        def with_new_witness():
            shown = prove(issuer, link_secret, credential, asked, issuer.witness(index, gone), NOW)
            return verify(issuer, shown, asked, gone)

        if not refused(with_new_witness):
            sys.exit("anoncreds: a revoked credential passes")

        figure("prove_ms", statistics.median(proving[1:]), "ms", runs)
        figure("verify_ms", statistics.median(checking[1:]), "ms", runs)
        figure("presentation_bytes", statistics.median(sizes[1:]), "B", runs)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
