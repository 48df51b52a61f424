//! `allo.example.toml`: every setting with its help and its default.

use super::{
    Config,
    settings::{Kind, SETTINGS, Setting},
};

const HEAD: &str = "\
# Allo reads allo.toml in the folder it is started in, or the file named by --config.
# What is commented out here is the default. An environment variable (ALLO_PORT for port) wins over this file,
# and a flag (--port) over both.
";

/// Returns the text of `allo.example.toml`.
pub fn example() -> String {
    let defaults = Config::default();
    let mut text = HEAD.to_owned();
    let mut heading = "";
    for setting in SETTINGS {
        if setting.heading != heading {
            heading = setting.heading;
            text.extend(["\n## ", heading, "\n"]);
        }
        let value = toml_value(setting, &defaults);
        text.extend(["\n", &wrap(setting.help, 110), "# ", setting.key, " = ", &value, "\n"]);
    }
    text
}

/// Writes a value of `config` in TOML.
pub(super) fn toml_value(setting: &Setting, config: &Config) -> String {
    let texts = (setting.show)(config);
    let quote = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    match setting.kind {
        Kind::Number => texts.concat(),
        Kind::Text => texts.iter().map(quote).collect(),
        Kind::List => format!("[{}]", texts.iter().map(quote).collect::<Vec<_>>().join(", ")),
    }
}

/// Makes comment lines of `text`.
fn wrap(text: &str, width: usize) -> String {
    let mut lines = String::from("#");
    let mut column = 1;
    for word in text.split(' ') {
        if column + 1 + word.len() > width {
            lines.push_str("\n#");
            column = 1;
        }
        lines.push(' ');
        lines.push_str(word);
        column += 1 + word.len();
    }
    lines.push('\n');
    lines
}
