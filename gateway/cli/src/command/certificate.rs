//! `causeway certificate`: an agency's certificates on paper.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use credential::exchange::Issued;
use did_registry::{Digest, SigningKey, Suite};
use rand::rngs::OsRng;

use super::{Ending, OperatorToken, World};
use crate::agency::Agency;
use crate::files::{self, FileError};
use crate::form::Form;
use crate::paper::{Fonts, certificate_pdf};
use crate::screen::{Screen, Tone, Waiting};

/// Bytes of the largest credential: more than a code holds, so that a code's own limit speaks.
const CREDENTIAL_BYTES: usize = 64 * 1024;

#[derive(Subcommand, Debug)]
pub(super) enum CertificateCommand {
    /// Have an agency issue a certificate for paper over one of its records.
    Issue(IssueArgs),
    /// Print a certificate onto one page with its code.
    Print {
        /// The certificate, as `issue` wrote it.
        credential: PathBuf,
        /// The page, a PDF.
        page: PathBuf,
        /// How it looks: titles, labels, order; without one the credential names itself.
        #[arg(long, value_name = "FILE")]
        form: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(super) struct IssueArgs {
    /// Where to write it; its identifier in there is what revokes it.
    credential: PathBuf,
    /// The agency's address, http(s)://host:port.
    #[arg(long, value_name = "URL")]
    gateway: String,
    /// The schema's identifier.
    #[arg(long, value_name = "DIGEST")]
    schema: String,
    /// The record's identifier.
    #[arg(long, value_name = "ID")]
    record: String,
    #[command(flatten)]
    token: OperatorToken,
}

pub(super) async fn run(command: CertificateCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    match command {
        CertificateCommand::Issue(args) => issue(&args, world.screen).await,
        CertificateCommand::Print { credential, page, form } => {
            let bytes = files::read(&credential, CREDENTIAL_BYTES)?;
            let issued: Issued = serde_json::from_slice(&bytes)
                .ok()
                .with_context(|| format!("{}: a certificate as `issue` wrote it", credential.display()))?;
            print(&issued, &page, form.as_deref(), world.screen)
        }
    }
}

async fn issue(args: &IssueArgs, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    let (schema, token): (Digest, _) = (args.schema.parse()?, args.token.read()?);
    // Looked at first, because what is issued and then not kept could not be revoked.
    if args.credential.exists() {
        return Err(FileError::Exists { path: args.credential.clone() }.into());
    }
    // A credential is issued to a key. This one is the paper's: nobody keeps it, so nobody shows it by key.
    let key = SigningKey::generate(Suite::Ed25519, &mut OsRng).public_key();
    let waiting = Waiting::on("the agency issues");
    let issued = Agency::new(&args.gateway)?.issue(&schema, &args.record, &key, token.expose()).await?;
    drop(waiting);
    let text = serde_json::to_string_pretty(&issued).expect("serialises because every field does");
    files::create(&args.credential, text.as_bytes(), files::PRIVATE)?;
    screen.headline(Tone::Good, "issued", issued.id)?;
    screen.line(format!("next: causeway certificate print {} PAGE.pdf", args.credential.display()))?;
    Ok(Ending::Good)
}

/// Prints a credential, for its holder or its issuer.
pub(super) fn print(
    issued: &Issued,
    page: &Path,
    form: Option<&Path>,
    screen: &mut Screen<'_>,
) -> anyhow::Result<Ending> {
    let credential = &issued.data_integrity;
    let form = form.map_or_else(|| Form::plain(credential), Form::read)?;
    let pdf = certificate_pdf(&form.fill(credential)?, &Fonts::find(None)?)?;
    files::replace(page, &pdf, files::PRIVATE)?;
    screen.headline(Tone::Good, "printed", page.display())?;
    screen.line("  everything in its code stands on the page; whoever has a copy can show it")?;
    Ok(Ending::Good)
}

#[cfg(test)]
mod tests;
