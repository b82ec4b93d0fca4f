//! `cargo run --release -p causeway-examples --bin e-certificate`: from the vault to paper and back.

use std::path::Path;

use anyhow::Context as _;
use causeway::screen::{Screen, Tone, overall, verdict_rows};
use causeway_examples::e_certificate::{Office, photograph, print, verify};
use gateway::clock::Clock;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let directory = Path::new("out/e-certificate");
    if directory.exists() {
        std::fs::remove_dir_all(directory).context("out/e-certificate is emptied first")?;
    }
    std::fs::create_dir_all(directory)?;
    let clock = Clock::system();
    let mut out = std::io::stdout().lock();
    let mut screen = Screen::new(&mut out, Screen::stdout_is_coloured());

    let office = Office::open(directory).await?;
    let issued = office.issue().await?;
    let pdf = directory.join("licence.pdf");
    std::fs::write(&pdf, print(&issued, clock.now())?)?;
    let picture = std::fs::read(photograph(&pdf)?)?;
    let before = office.facts().await?;
    office.revoke(&issued.id).await?;
    let after = office.facts().await?;
    office.close().await?;

    screen.line(format!("printed    {}", pdf.display()))?;
    screen.line(format!("picture    {}", pdf.with_extension("png").display()))?;
    screen.line("the ledger and the agency are switched off; only the trust bundle is left\n")?;
    for (when, facts) in
        [("with the bundle of that day", &before), ("with a bundle after its revocation", &after)]
    {
        let decision = verify(&picture, facts, clock.now())?;
        let (tone, word) = overall(decision.verdict.overall());
        screen.headline(tone, word, when)?;
        screen.table(&["part", "answer", "why"], verdict_rows(&decision.verdict))?;
    }
    screen.headline(
        Tone::Quiet,
        "Note",
        "paper has no key: the officer compares the page with the bearer's document",
    )?;
    Ok(())
}
