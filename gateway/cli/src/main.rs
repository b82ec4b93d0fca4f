//! `causeway`: one binary. Everything it does is in the library; here are the process's edges.

use std::io::{self, Write as _};
use std::process::ExitCode;

use causeway::command::{self, Cli, World};
use causeway::screen::Screen;
use clap::Parser as _;
use gateway::clock::Clock;
use tracing_subscriber::EnvFilter;

/// What could not be done.
const FAILED: u8 = 3;
/// What is no command (`EX_USAGE`); 2 says that a verdict is open.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is no reason to complain on it.
            let _closed = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    // Not locked: other threads may print as well.
    let (mut out, mut input) = (io::stdout(), io::stdin().lock());
    let mut screen = Screen::new(&mut out, Screen::stdout_is_coloured());
    let world = World { screen: &mut screen, input: &mut input, clock: Clock::system() };
    match runtime.block_on(command::run(cli, world)) {
        Ok(ending) => ExitCode::from(ending.code()),
        // Whoever reads only the first lines has all they want.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    let _closed = writeln!(io::stderr(), "causeway: {error:#}");
    ExitCode::from(FAILED)
}
