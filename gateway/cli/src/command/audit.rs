//! `causeway audit`: a regulator looks again.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comfy_table::Cell;

use super::{Ending, OperatorToken, World};
use crate::agency::Agency;
use crate::audit::{self, AuditedPass, Evidence, Lists, Outcome, Report};
use crate::ledger::Ledger;
use crate::screen::{self, Screen, Tone, Waiting, toned};
use crate::trust;

#[derive(Subcommand, Debug)]
pub(super) enum AuditCommand {
    /// Recompute the decision behind a pass. Exit code 0 all holds, 1 something differs, 2 something is open.
    Transcoding(TranscodingArgs),
}

#[derive(Args, Debug)]
pub(super) struct TranscodingArgs {
    /// A ledger node; it need not be trusted.
    #[arg(long = "node", value_name = "URL", env = "CAUSEWAY_LEDGER")]
    node: String,
    /// The genesis file of the ledger to trust.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// The pass: the text of its code (CWP:…), or a file with that text, with the pass itself, or with a picture of the
    /// code.
    #[arg(long, value_name = "PASS")]
    pass: String,
    /// What the agency decided on, as it handed it over.
    #[arg(long, value_name = "FILE", conflicts_with = "gateway", required_unless_present = "gateway")]
    evidence: Option<PathBuf>,
    /// The agency to ask for it.
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
    /// For the agency: an operator with the role audit.
    #[command(flatten)]
    token: OperatorToken,
    /// A status list token of that time, if the issuer does not serve it any more; repeat for several.
    #[arg(long = "status-list", value_name = "FILE")]
    lists: Vec<PathBuf>,
    /// A host that a status list may be fetched from, host or host:port; repeat for several. None is called else.
    #[arg(long = "status-host", value_name = "HOST")]
    hosts: Vec<String>,
}

pub(super) async fn run(command: AuditCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let AuditCommand::Transcoding(args) = command;
    let pass = AuditedPass::read(&args.pass)?;
    let evidence: Evidence = match (&args.evidence, &args.gateway) {
        (Some(file), _) => audit::read_evidence(file)?,
        (None, Some(url)) => {
            let path = format!("/v1/audit/transcodings/{}", pass.digest());
            Agency::new(url)?.get(&path, &[], Some(args.token.read()?.expose())).await?
        }
        (None, None) => anyhow::bail!("give the --evidence, or the --gateway to ask for it"),
    };
    let mut ledger = Ledger::connect(&args.node, trust::read_genesis(&args.genesis)?).await?;
    let waiting = Waiting::on("the ledger proves what it was");
    let lists = Lists { files: args.lists, hosts: args.hosts };
    let material = Box::pin(audit::gather(&mut ledger, &pass, &evidence, &lists)).await?;
    drop(waiting);
    show(world.screen, &pass, &audit::transcoding(&pass, &evidence, &material))
}

fn show(screen: &mut Screen<'_>, pass: &AuditedPass, report: &Report) -> anyhow::Result<Ending> {
    let decision = pass.decision();
    let (_, said) = screen::overall(decision.verdict);
    screen.headline(Tone::Quiet, "decision", format!("{said} on {}", decision.decided))?;
    screen.facts(&[
        ("pass", pass.digest().to_string()),
        ("policy", decision.policy.to_string()),
        ("source", format!("commitment {}", decision.source)),
        ("decision", decision.digest().to_string()),
    ])?;
    let row = |check: &audit::Check| {
        let outcome = match check.outcome {
            Outcome::Holds => toned(Tone::Good, "holds"),
            Outcome::Differs => toned(Tone::Bad, "DIFFERS"),
            Outcome::Open => toned(Tone::Warning, "open"),
        };
        vec![Cell::new(check.name), outcome, Cell::new(&check.detail)]
    };
    screen.table(&["check", "outcome", "detail"], report.checks.iter().map(row).collect())?;
    if let Some(verdict) = &report.verdict {
        screen.line("the verdict as recomputed:")?;
        screen.table(&["part", "answer", "code", "detail"], screen::verdict_rows(verdict))?;
    }
    if let Some(head) = &report.missing {
        let (uri, epoch) = (&head.uri, head.epoch);
        let host = audit::host(uri).unwrap_or_default();
        screen.line(format!(
            "epoch {epoch} of {uri} is not here: bring it with --status-list, or name its host with --status-host {host}"
        ))?;
    }
    let (tone, word, text, ending) = match (report.holds(), report.is_complete()) {
        (false, _) => (Tone::Bad, "DIFFERS", "the pass was not given as it says", Ending::Bad),
        (true, true) => (Tone::Good, "HOLDS", "recomputed in full, without a name", Ending::Good),
        (true, false) => {
            (Tone::Warning, "OPEN", "nothing differs, but not everything could be recomputed", Ending::Open)
        }
    };
    screen.headline(tone, word, text)?;
    Ok(ending)
}

#[cfg(test)]
mod tests {
    use credential::Overall;
    use credential::transcoding::{Transcoding, TrustEpoch};
    use did_registry::{Digest, Timestamp};

    use super::*;

    fn pass() -> AuditedPass {
        let one = Digest::from_bytes([1; 32]);
        let transcoding = Transcoding {
            source: one,
            policy: one,
            trust: TrustEpoch::Ledger(7),
            status: Some(3),
            verdict: Overall::Accept,
            decided: Timestamp::default(),
        };
        AuditedPass::new(serde_json::json!({"credentialSubject": transcoding.pass_claims()})).unwrap()
    }

    #[test]
    fn the_ending_is_the_worst_outcome() {
        let check = |outcome| audit::Check { name: "verdict", outcome, detail: "detail".into() };
        for (outcomes, ending, word) in [
            (vec![Outcome::Holds, Outcome::Holds], Ending::Good, "HOLDS"),
            (vec![Outcome::Holds, Outcome::Open], Ending::Open, "OPEN"),
            (vec![Outcome::Open, Outcome::Differs], Ending::Bad, "DIFFERS"),
        ] {
            let report =
                Report { checks: outcomes.into_iter().map(check).collect(), verdict: None, missing: None };
            let mut out = Vec::new();
            assert_eq!(show(&mut Screen::new(&mut out, false), &pass(), &report).unwrap(), ending);
            assert!(String::from_utf8(out).unwrap().contains(word));
        }
    }
}
