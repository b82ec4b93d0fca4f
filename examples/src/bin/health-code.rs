//! `make demo`: the health code between two jurisdictions, from an empty directory to the last promise.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use causeway_examples::health_code::stage::Stage;
use causeway_examples::health_code::{DIRECTORY, Options, closeup, tell};
use clap::{Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

/// Guangdong and Macau recognise each other's health evidence, and no record crosses the border.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Travellers each way.
    #[arg(long, env = "TRAVELLERS", default_value_t = 1_000)]
    travellers: usize,
    /// How those cross who may: some prove the rule in zero knowledge, or all show what it asks for.
    #[arg(long, env = "MODE", value_enum, default_value_t = Mode::Zk)]
    mode: Mode,
    /// Travellers each way who prove, of those who cross; at most half of them.
    #[arg(long, env = "PROVING", default_value_t = 100)]
    proving: usize,
    /// People each side.
    #[arg(long, env = "PEOPLE", default_value_t = 10_000)]
    people: usize,
    /// Leave the processes running, and say where they are.
    #[arg(long, env = "KEEP", value_parser = clap::builder::FalseyValueParser::new())]
    keep: bool,
    /// Where everything is written; emptied first.
    #[arg(long, default_value = DIRECTORY, global = true)]
    directory: PathBuf,
    /// The foreign certificates.
    #[arg(long, default_value = "../shared/data/dcc")]
    data: PathBuf,
}

/// How travellers cross.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Some prove in zero knowledge, the rest goes the clear way.
    Zk,
    /// All go the clear way.
    Clear,
}

#[derive(Subcommand)]
enum Command {
    /// Look closer at one traveller of the last story, whether or not anybody is still running.
    Look {
        /// The traveller's number, from 1.
        number: usize,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Arguments { command, travellers, mode, proving, people, keep, directory, data } = Arguments::parse();
    let proving = if mode == Mode::Zk { proving } else { 0 };
    anyhow::ensure!(people > travellers, "somebody stays at home: more people than travellers are needed");
    let own = std::env::current_exe()?;
    let causeway = own.parent().context("a program lies in a directory")?.join("causeway");
    let stage = Stage::terminal();
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let work = Box::pin(async {
        if let Some(Command::Look { number }) = command {
            return Box::pin(closeup::look(&directory, &causeway, number, &stage)).await;
        }
        let options = Options { directory, causeway, data, travellers, proving, people, keep };
        Ok(Box::pin(tell(&options, &stage)).await?.broken().is_empty())
    });
    let good = tokio::select! {
        good = work => good?,
        // Whatever was under way is dropped, and with it every process that was started.
        _ = tokio::signal::ctrl_c() => return interrupted(&stage),
        _ = terminate.recv() => return interrupted(&stage),
        _ = hang_up.recv() => return interrupted(&stage),
    };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn interrupted(stage: &Stage) -> anyhow::Result<ExitCode> {
    stage.line("interrupted; every process that was started is ended")?;
    Ok(ExitCode::from(130))
}
