//! All that is wrong with the values of flags and variables, where clap would stop at the first.

use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Error, FromArgMatches as _};

use super::Cli;

/// The command line, or what is wrong with its values, one line each.
///
/// # Errors
/// When a value can't be understood. (Anything else that clap has to say, help included, ends the process.)
pub fn parse(args: &[OsString]) -> Result<Cli, Vec<String>> {
    let mut command = Cli::command();
    let mut problems = Vec::new();
    loop {
        let error = match command.clone().try_get_matches_from(args) {
            Ok(matches) if problems.is_empty() => match Cli::from_arg_matches(&matches) {
                Ok(cli) => return Ok(cli),
                Err(error) => error.exit(),
            },
            Ok(_) => return Err(problems),
            Err(error) => error,
        };
        let id = name_of(&error).and_then(|name| id_of(&command, name));
        let (Some(id), ErrorKind::ValueValidation | ErrorKind::InvalidValue) = (id, error.kind()) else {
            error.exit()
        };
        problems.push(describe(&error));
        // The next round accepts whatever stands there, and finds the next that is wrong.
        let accept = |command: clap::Command| command.mut_arg(&id, |arg| arg.value_parser(ValueParser::os_string()));
        command = accept(command).mut_subcommand("run", accept);
    }
}

/// The flag as clap shows it, `--http-addr <HTTP_ADDR>`.
fn name_of(error: &Error) -> Option<&str> {
    match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(name) => Some(name),
        _ => None,
    }
}

fn id_of(command: &clap::Command, name: &str) -> Option<clap::Id> {
    // Before that, arguments can't be shown.
    let mut built = command.clone();
    built.build();
    let mut args = built.get_arguments();
    args.find(|arg| arg.to_string() == name).map(|arg| arg.get_id().clone())
}

/// Clap's own first line: flag, value and what is wrong with it, without the usage that follows.
fn describe(error: &Error) -> String {
    let text = error.to_string();
    let line = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let words: Vec<&str> = line.split_whitespace().collect();
    let line = words.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
