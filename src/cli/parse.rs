//! Clap's word on a value that can't be understood, as one line among others.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Error, Parser as _};

use super::Cli;

/// The command line, or what is wrong with the first value that can't be understood.
///
/// # Errors
/// When there is such a value. (Anything else that clap has to say, help included, ends the process.)
pub fn parse(args: &[OsString]) -> Result<Cli, String> {
    match Cli::try_parse_from(args) {
        Ok(cli) => Ok(cli),
        Err(error) if matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) => {
            Err(describe(&error))
        }
        Err(error) => error.exit(),
    }
}

/// Clap's own first line: flag, value and what is wrong with it, without the usage that follows.
fn describe(error: &Error) -> String {
    let text = error.to_string();
    let line = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let words: Vec<&str> = line.split_whitespace().collect();
    let line = words.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
