//! The `pouch` binary: reads the command line, runs one command, and ends with a documented code.

mod args;
mod clock;
mod commands;
mod config;
mod contained;
mod demo;
mod exit;
mod files;
mod keyring;
mod output;
mod passphrase;
mod problem;
mod render;
mod requests;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Audit, Cli, Command, Evidence, Global, Keys, RelayCommand, WitnessCommand};
use commands::compose::ReplyKind;
use commands::{
    audit, ceremonies, compose, courier, directory, exercise, explain, init, joint, keys, member, messages,
    network, reconfirm, relay_status, services, watch,
};
use exit::Exit;
use output::Output;
use passphrase::Source;
use problem::Problem;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = Output::new(&cli.global);
    let service = match services::prepare(&cli.command, &cli.global) {
        Ok(service) => service,
        Err(problem) => {
            out.problem(&problem);
            return ExitCode::from(problem.exit);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out.problem(&Problem::new(Exit::Internal, "POUCH-CLI-70", format!("no runtime: {error}")));
            return ExitCode::from(Exit::Internal.code());
        }
    };
    let ended = runtime.block_on(async {
        match service {
            Some(service) => services::run(service, &out).await.map(|()| Exit::Done.code()),
            None => run(cli.command, &cli.global, &out).await,
        }
    });
    runtime.shutdown_background();
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            out.problem(&problem);
            ExitCode::from(problem.exit)
        }
    }
}

/// Runs a command; the code to end with when nothing went wrong.
async fn run(command: Command, global: &Global, out: &Output) -> Result<u8, Problem> {
    if let Command::Relay(RelayCommand::Status) = &command {
        return relay_status::status(global, out);
    }
    let Some(command) = local(command, global, out).await? else { return Ok(Exit::Done.code()) };
    let node = config::node(&global.config)?;
    let client = node.client();
    let source = Source::choose(global.passphrase_file.as_deref(), None)?;
    match command {
        Command::Show(show) => return messages::show(&show, &client, out).await,
        Command::Send(send) => return compose::send(*send, &client, out).await,
        Command::Draft(draft) => compose::draft(*draft, &client, out).await,
        Command::Approve(approve) => compose::approve(approve, &client, &source, out).await,
        Command::Courier(command) => return courier::courier(command, &client, out).await,
        Command::Joint(command) => return joint::joint(command, &node, out).await,
        Command::Release(id) => return compose::release(id, &client, out).await,
        Command::Reply(reply) => return compose::reply(ReplyKind::Reply, *reply, &client, out).await,
        Command::Correct(reply) => return compose::reply(ReplyKind::Correct, *reply, &client, out).await,
        Command::Cancel(reply) => return compose::reply(ReplyKind::Cancel, *reply, &client, out).await,
        Command::Inbox(inbox) if inbox.rejudged => reconfirm::rejudged(&client, out).await,
        Command::Inbox(inbox) => messages::inbox(&inbox.list, &client, out).await,
        Command::Reconfirm(command) => reconfirm::reconfirm(command, &client, out).await,
        Command::Member(command) => member::member(command, Some(&node), &source, out).await,
        Command::Outbox(list) => messages::outbox(&list, &client, out).await,
        Command::Ack(ack) => messages::ack(&ack, &client, out).await,
        Command::Watch(watch) => watch::watch(&watch, &client, out).await,
        Command::Status => messages::status(&client, out).await,
        Command::Keys(command) => keys::keys(command, &node, &source, out).await,
        Command::Exercise(command) => exercise::exercise(command, &node, &source, out).await,
        Command::Directory(command) => directory::directory(command, &client, out).await,
        Command::Evidence(Evidence::Contradictions) => messages::contradictions(&client, out).await,
        Command::Evidence(Evidence::Export { id, output }) => {
            messages::export(&id, &output, &client, out).await
        }
        _ => Err(Problem::new(Exit::Internal, "POUCH-CLI-71", "a command without a home")),
    }?;
    Ok(Exit::Done.code())
}

/// Runs the commands that need no running node; gives back one that does.
async fn local(command: Command, global: &Global, out: &Output) -> Result<Option<Command>, Problem> {
    let source = || Source::choose(global.passphrase_file.as_deref(), None);
    match command {
        Command::Demo(demo) => demo::demo(demo, out).await?,
        Command::Init(command) => init::init(command, &source()?, out).await?,
        Command::Network(command) => network::network(command, &global.config, &source()?, out).await?,
        Command::Keys(Keys::Rotate { member_dir, root, cost, yes }) if root.root => {
            ceremonies::rotate(&member_dir, &root, (cost, yes), &global.config, &source()?, out).await?;
        }
        Command::Keys(Keys::Recover(recover)) => {
            ceremonies::recover(&recover, &global.config, &source()?, out).await?;
        }
        Command::Keys(Keys::Veto(veto)) => ceremonies::veto(&veto, &global.config, &source()?, out).await?,
        Command::Relay(RelayCommand::Init { name, address, origin, follows, dir, cost }) => {
            let throw_away = cost.throw_away;
            let (name, address, origin, dir) = (&name, &address, &origin, &dir);
            let relay = init::NewRelay { name, address, origin, follows, dir, throw_away };
            init::init_relay(&relay, &source()?, out)?;
        }
        Command::Witness(WitnessCommand::Init { name, dir, cost }) => {
            init::init_witness(&name, &dir, cost.throw_away, &source()?, out).await?;
        }
        Command::Audit(Audit::Log { dir, policy }) => audit::log(&dir, &policy, out).await?,
        Command::Audit(Audit::Evidence { files, charter }) => audit::evidence(&files, &charter, out)?,
        Command::Audit(Audit::Joint { file, charter }) => {
            // Below its threshold it is authentic, and not in force.
            if !audit::joint(&file, &charter, out)? {
                return Err(audit::not_in_force());
            }
        }
        Command::Directory(args::DirectoryCommand::Verify { dir, charter }) => {
            directory::verify(&dir, &charter, out)?
        }
        Command::Member(command) if command.is_offline() => {
            member::member(command, None, &source()?, out).await?;
        }
        Command::CheckConfig(check) => {
            services::check_config(check.file.as_deref().unwrap_or(&global.config), out)?;
        }
        Command::Exercise(args::Exercise::Sign(sign)) => exercise::sign(&sign, &source()?, out)?,
        Command::Send(send) if send.template => compose::template(send.compose.notice_type, out),
        Command::Explain { code } => explain::explain(&code, out)?,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "pouch", &mut std::io::stdout());
        }
        Command::Man => {
            clap_mangen::Man::new(Cli::command())
                .render(&mut std::io::stdout())
                .map_err(|error| Problem::new(Exit::Failed, "POUCH-CLI-02", error.to_string()))?;
        }
        needs_node => return Ok(Some(needs_node)),
    }
    Ok(None)
}
