//! `cargo run --release -p causeway-examples --bin e-certificate`: from the vault to paper and back.

use std::path::Path;

use anyhow::Context as _;
use causeway::screen::Screen;
use causeway_examples::e_certificate::tell;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let directory = Path::new("out/e-certificate");
    if directory.exists() {
        std::fs::remove_dir_all(directory).context("out/e-certificate is emptied first")?;
    }
    std::fs::create_dir_all(directory)?;
    let mut out = std::io::stdout().lock();
    let mut screen = Screen::new(&mut out, Screen::stdout_is_coloured());
    Box::pin(tell(directory, &mut screen)).await?;
    screen.line("\nthe page: out/e-certificate/licence.pdf, and its picture beside it")?;
    Ok(())
}
