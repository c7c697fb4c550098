//! Makes the daemon's own profile and unit, with the product and an engine.

use crate::command::{self, Root, cargo};
use crate::engine::Engine;
use crate::setup::{self, Purpose};
use anyhow::{Result, ensure};

/// Record the daemon while it does all that it can do, and write its profile and its systemd unit.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run() -> Result<()> {
    setup::ensure_for(Purpose::Test)?;
    ensure!(
        Root::now() == Root::Ourselves,
        "recording needs root\nhint: run this as root"
    );
    let engine = Engine::ready()?;
    let mut own = cargo();
    own.args([
        "bench",
        "--locked",
        "--package",
        "house-tests",
        "--bench",
        "own",
    ]);
    own.envs(engine.variables());
    command::run(&mut own)
}
