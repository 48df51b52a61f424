//! Reads the configuration: defaults, then `allo.toml`, then the environment, then flags; the last one wins.

use std::{
    ffi::OsString,
    fmt, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use allo_protocol::TopologyChoice;
use allo_room::Credential;
use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};
use thiserror::Error;
use toml::de::{DeTable, DeValue};

use super::{
    Config, TlsMode,
    settings::{Kind, SETTINGS, Setting},
};

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The command line, with the program's name first.
    pub arguments: Vec<OsString>,
    /// The environment. What does not begin with `ALLO_` and is not `PORT` is ignored.
    pub environment: Vec<(String, String)>,
    /// The folder in which `allo.toml` is looked for.
    pub folder: PathBuf,
}

/// What the program is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Serve.
    Serve,
    /// Say what may keep people from getting in.
    Examine {
        /// Whether a program reads it.
        is_json: bool,
    },
}

/// There is no configuration to run with.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The command line is wrong, or asked for help or the version.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// Some settings are wrong. All of them are told.
    #[error("{}", list(.0))]
    Settings(Vec<Problem>),
}

/// A setting that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands: a line of a file, a variable or a flag.
    pub origin: String,
    /// What is wrong, and what would be right.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.text)
    }
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    format!("the configuration has {}:{}", count(problems.len()), lines.concat())
}

fn count(problems: usize) -> String {
    if problems == 1 { "a mistake".to_owned() } else { format!("{problems} mistakes") }
}

/// A value that was given for a setting.
struct Given {
    setting: &'static Setting,
    texts: Vec<String>,
    origin: String,
}

/// What has been read so far.
#[derive(Default)]
struct Layers {
    given: Vec<Given>,
    problems: Vec<Problem>,
}

impl Config {
    /// Reads the configuration.
    pub fn load(sources: Sources) -> Result<Self, LoadError> {
        Self::load_for_task(sources).map(|(config, _)| config)
    }

    /// Reads the configuration, and what to do with it.
    pub fn load_for_task(sources: Sources) -> Result<(Self, Task), LoadError> {
        let matches = command().try_get_matches_from(sources.arguments)?;
        let doctor = matches.subcommand_matches("doctor");
        let flags = doctor.unwrap_or(&matches);
        let named =
            |name: &str| sources.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let mut layers = Layers::default();
        let file = flags.get_one::<String>("config").or_else(|| named("ALLO_CONFIG")).map(PathBuf::from);
        layers.add_file(file.as_deref(), &sources.folder);
        layers.add_environment(&sources.environment);
        layers.add_flags(flags);
        let config = layers.apply().map_err(LoadError::Settings)?;
        let task = doctor.map_or(Task::Serve, |doctor| Task::Examine { is_json: doctor.get_flag("json") });
        Ok((config, task))
    }
}

impl Layers {
    fn problem(&mut self, origin: impl Into<String>, text: impl Into<String>) {
        self.problems.push(Problem { origin: origin.into(), text: text.into() });
    }

    /// Reads the file that was asked for, or `allo.toml` if there is one.
    fn add_file(&mut self, asked: Option<&Path>, folder: &Path) {
        let path = asked.map_or_else(|| folder.join("allo.toml"), |path| folder.join(path));
        let name = asked.map_or_else(|| "allo.toml".to_owned(), |path| path.display().to_string());
        match fs::read_to_string(&path) {
            Ok(text) => self.add_toml(&name, &text),
            Err(error) if error.kind() == ErrorKind::NotFound && asked.is_none() => {}
            Err(error) => self.problem(name, format!("cannot be read: {error}")),
        }
    }

    fn add_toml(&mut self, name: &str, text: &str) {
        let line =
            |at: usize| format!("{name}:{}", text.bytes().take(at).filter(|b| *b == b'\n').count() + 1);
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            self.problem(line(error.span().map_or(0, |span| span.start)), error.message());
        }
        let mut entries: Vec<_> = table.get_ref().iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let origin = line(key.span().start);
            let key = key.get_ref().as_ref();
            let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
                self.unknown(origin, key, SETTINGS.iter().map(|setting| setting.key.to_owned()));
                continue;
            };
            match toml_texts(value.get_ref()) {
                Some(texts) => self.given.push(Given { setting, texts, origin: format!("{origin}: {key}") }),
                None => self.problem(origin, format!("{key} should be a text, a number, or a list of texts")),
            }
        }
    }

    fn add_environment(&mut self, environment: &[(String, String)]) {
        let is_setting =
            |name: &str| name == "PORT" || (name.starts_with("ALLO_") && !NOT_SETTINGS.contains(&name));
        let mut environment: Vec<_> = environment.iter().filter(|(name, _)| is_setting(name)).collect();
        // PORT is the platform's word, ALLO_PORT the operator's own: the latter is applied later, and wins.
        environment.sort_by_key(|(name, _)| (name != "PORT", name));
        for (name, value) in environment {
            let variable = if name == "PORT" { "ALLO_PORT" } else { name };
            match SETTINGS.iter().find(|setting| setting.variable() == variable) {
                Some(setting) => self.given.push(from_variable(setting, name, value)),
                None => self.unknown(name.clone(), name, SETTINGS.iter().map(Setting::variable)),
            }
        }
    }

    fn add_flags(&mut self, matches: &ArgMatches) {
        for setting in SETTINGS {
            if matches.value_source(setting.key) == Some(ValueSource::CommandLine) {
                let texts = matches.get_many::<String>(setting.key).into_iter().flatten().cloned().collect();
                self.given.push(Given { setting, texts, origin: format!("--{}", setting.key) });
            }
        }
    }

    fn unknown(&mut self, origin: String, name: &str, known: impl Iterator<Item = String>) {
        let nearest = known
            .map(|known| (strsim::jaro_winkler(name, &known), known))
            .filter(|(similarity, _)| *similarity > 0.8)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        let hint = nearest.map(|(_, known)| format!("; did you mean {known}?")).unwrap_or_default();
        self.problem(origin, format!("there is no setting {name}{hint}"));
    }

    /// Applies every layer in turn. A wrong value is told even where another one would have won.
    fn apply(mut self) -> Result<Config, Vec<Problem>> {
        let mut config = Config::default();
        for given in std::mem::take(&mut self.given) {
            if let Err(text) = (given.setting.set)(&mut config, &given.texts) {
                // What may have a password in it is not repeated.
                let is_secret = ["ice-server", "opening-password"].contains(&given.setting.key);
                let value = if is_secret { String::new() } else { shown(&given.texts) };
                self.problem(given.origin, format!("{text}{value}"));
            }
        }
        self.check_together(&config);
        if self.problems.is_empty() { Ok(config) } else { Err(self.problems) }
    }

    /// Checks what one setting asks of another.
    fn check_together(&mut self, config: &Config) {
        match (config.tls, &config.tls_cert, &config.tls_key) {
            (_, Some(_), None) => self.problem("tls-cert", "needs tls-key too"),
            (_, None, Some(_)) => self.problem("tls-key", "needs tls-cert too"),
            (TlsMode::Files, None, None) => self.problem("tls", "files needs tls-cert and tls-key"),
            (TlsMode::Off, Some(_), Some(_)) => {
                self.problem("tls", "off leaves tls-cert and tls-key unused: remove them");
            }
            _ => {}
        }
        if !config.acme.domains.is_empty() && config.tls == TlsMode::Off {
            self.problem("domain", "is of no use where a proxy speaks HTTPS: remove it, or tls = off");
        } else if !config.acme.domains.is_empty() && config.tls_files().is_some() {
            self.problem("domain", "gets a certificate by itself: remove it, or tls-cert and tls-key");
        }
        if config.http_port.is_some() && config.tls == TlsMode::Off {
            self.problem("http-port", "is of no use where a proxy speaks HTTPS: remove it, or tls = off");
        } else if config.http_port == Some(config.port) {
            self.problem("http-port", "should be another than port");
        }
        self.check_tokens(config);
        self.check_oidc(config);
        if config.rooms.topology == TopologyChoice::Sfu && config.media.workers.count() == 0 {
            self.problem("topology", "sfu needs media-workers");
        }
        if config.listen.is_empty() {
            self.problem("listen", "should name at least one address");
        }
    }
}

impl Layers {
    fn check_oidc(&mut self, config: &Config) {
        let has_issuer = config.oidc.issuer.is_some();
        if has_issuer && config.oidc.client_id.0.is_empty() {
            self.problem("oidc-issuer", "needs oidc-client-id: the name that it has given to this server");
        }
        if config.rooms.opening.credentials.contains(&Credential::Login) && !has_issuer {
            self.problem("opening", "login needs oidc-issuer: nobody could sign in");
        }
    }

    fn check_tokens(&mut self, config: &Config) {
        let has_keys = !config.token_keys.is_empty();
        if has_keys && config.audience().is_none() {
            self.problem("token-key", "needs token-audience: the name of this server in the tokens");
        }
        if config.rooms.token_required && !has_keys {
            self.problem("token-required", "needs token-key: nobody could come in");
        }
        if config.rooms.opening.credentials.contains(&Credential::Token) && !has_keys {
            self.problem("opening", "token needs token-key: there would be none");
        }
    }
}

/// Variables that begin like settings: the configuration file, and the web client to build in.
const NOT_SETTINGS: [&str; 2] = ["ALLO_CONFIG", "ALLO_WEB_DIST"];

fn from_variable(setting: &'static Setting, name: &str, value: &str) -> Given {
    let texts = match setting.kind {
        Kind::List => {
            value.split(',').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
        }
        Kind::Text | Kind::Number => vec![value.to_owned()],
    };
    Given { setting, texts, origin: name.to_owned() }
}

fn shown(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!(", not {}", texts.join(", "))
}

fn toml_texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::Array(values) => values.iter().map(|value| toml_text(value.get_ref())).collect(),
        value => toml_text(value).map(|text| vec![text]),
    }
}

fn toml_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(is_on) => Some(is_on.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.to_string()),
        _ => None,
    }
}

const ABOUT: &str =
    "Allo serves video calls: the page, the meeting point, and its own certificate, on one port.";

const EXAMPLES: &str = "\
Examples:
  allo                                  everyone on this network can join; the addresses are printed
  allo --port 443 --domain meet.example.org
                                        on the internet, with a certificate that it gets by itself
  allo --port 443 --tls-cert fullchain.pem --tls-key privkey.pem
                                        on the internet, with a certificate of your own
  allo --tls off --listen 127.0.0.1 --media-listen 0.0.0.0
                                        behind Nginx or Caddy on the same machine
  allo doctor --port 443                what may keep people from getting in, and what to do

Each setting can also stand in allo.toml (see allo.example.toml), as `port = 443`,
or in the environment, as ALLO_PORT=443. Flags win over the environment, and the
environment over the file.";

const DOCTOR: &str = "\
Says what may keep people from getting in, and what to do.

Run it on the server's machine, as the user that the server runs as, with the
settings that the server has, while the server runs. It looks at the port for
TCP and UDP, here and by each name and public address; where the names lead;
whether a router is in the way; the certificate and the clock; how many files may
be open; the data folder; and it asks the server why the last who tried did not
get in.

Each finding is good, doubtful or bad. The status is 1 when something is bad.";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  allo doctor                           with the settings in ./allo.toml
  allo doctor --port 443 --domain meet.example.org
  allo doctor --json | jq '.findings[] | select(.verdict != \"good\")'";

/// Makes the command line from the table.
fn command() -> Command {
    with_settings(Command::new("allo"))
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(EXAMPLES)
        // Settings stand behind the word that they are for, lest some of them be overlooked.
        .args_conflicts_with_subcommands(true)
        .subcommand(doctor())
}

/// Makes the command that looks for trouble. It takes all settings, to look where the server with them does.
fn doctor() -> Command {
    let json = Arg::new("json").long("json").action(ArgAction::SetTrue).help("Answer in JSON, for programs.");
    with_settings(Command::new("doctor").arg(json))
        .about("Says what may keep people from getting in, and what to do.")
        .long_about(DOCTOR)
        .after_help(DOCTOR_EXAMPLES)
}

fn with_settings(command: Command) -> Command {
    let file =
        Arg::new("config").long("config").value_name("FILE").help("Read this file instead of ./allo.toml.");
    command.arg(file).args(SETTINGS.iter().map(argument))
}

fn argument(setting: &'static Setting) -> Arg {
    let defaults = (setting.show)(&Config::default()).join(", ");
    let default = if defaults.is_empty() { String::new() } else { format!(" [default: {defaults}]") };
    let action = if setting.kind == Kind::List { ArgAction::Append } else { ArgAction::Set };
    Arg::new(setting.key)
        .long(setting.key)
        .value_name(setting.value_name)
        .help(format!("{}{default}", setting.help))
        .help_heading(setting.heading)
        .action(action)
}
