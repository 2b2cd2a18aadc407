//! Starts a server for people who develop. It ends with this program, however that ends.

use anyhow::{Result, bail};
use marionette_servers::RedisServer;

use crate::args::Args;

pub(crate) fn main(mut args: Args) -> Result<()> {
    let mut settings = RedisServer::settings();
    if let Some(program) = args.value("--program")? {
        settings = settings.program(program);
    }
    args.finish()?;
    let Some(server) = settings.start() else {
        bail!("there is no such server");
    };
    println!("{}", server.url());
    println!(
        "a client: redis-cli -p {}; its log: {}/log; Ctrl-C ends it",
        server.port(),
        server.directory().display()
    );
    loop {
        // Somebody may end it otherwise.
        std::thread::park();
    }
}
