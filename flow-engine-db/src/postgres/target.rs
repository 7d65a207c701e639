//! [`Target`]: which server and database a URL means, and how it is spoken to.

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

/// How long one server may take to answer a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that vanished without a word is noticed after about this time, and not after two hours.
const SILENCE: Duration = Duration::from_mins(1);

const FORM: &str = "write `postgres://user:password@host:5432/database`, with the special characters of the password \
                    percent-encoded";

/// What a URL may say behind its `?`.
const PARAMETERS: [&str; 20] = [
    "sslmode",
    "sslrootcert",
    "sslnegotiation",
    "user",
    "password",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "application_name",
    "options",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

/// What the certificate of the server is held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Nothing is encrypted, or nothing is asked of the certificate: `disable`, `prefer`, `require`.
    AnyServer,
    /// It is of the host, by somebody who is trusted: by whom this file names, else by whom the system
    /// trusts. `verify-full`.
    Verified { roots: Option<PathBuf> },
}

/// A database server, and a database on it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// For messages: without a password.
    pub(super) location: String,
}

/// Two URLs that say the same are the same.
impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config && self.tls == other.tls
    }
}

impl Eq for Target {}

impl Target {
    /// Reads a `postgres://` URL.
    ///
    /// # Errors
    ///
    /// What is wrong with it. It holds nothing of the URL but names of parameters behind its address: a password may stand
    /// anywhere.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if url.matches('@').count() > 1 {
            // The library would take the first one for the end of the password, and its rest for the host.
            return Err(format!(
                "it has more than one `@`: in a user, a password and a parameter it is written `%40` (and `/` as `%2F`, `?` as `%3F`, \
                 `%` as `%25`); {FORM}"
            ));
        }
        // A `?` before the `@` is one of the password.
        let behind_user = url.find('@').unwrap_or(0);
        let (address, parameters) = match url[behind_user..].find('?') {
            Some(place) => (&url[..behind_user + place], &url[behind_user + place + 1..]),
            None => (url, ""),
        };
        // Without a host, what is behind a `?` may be one, too.
        let are_parameters = behind_user > 0 || address.matches(':').count() < 2;
        let (mut mode, mut roots, mut others) = (SslMode::Prefer, None, Vec::new());
        let mut verified = false;
        for parameter in parameters.split('&').filter(|part| !part.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", "disable")) => mode = SslMode::Disable,
                Some(("sslmode", "prefer")) => mode = SslMode::Prefer,
                Some(("sslmode", "require")) => mode = SslMode::Require,
                Some(("sslmode", "verify-full")) => {
                    mode = SslMode::Require;
                    verified = true;
                }
                Some(("sslmode", _)) => {
                    return Err(
                        "its `sslmode` is none of `disable`, `prefer`, `require` and `verify-full`"
                            .to_owned(),
                    );
                }
                Some(("sslrootcert", path)) => {
                    let path = percent_decode_str(path).decode_utf8();
                    let path = path.map_err(|_| "its `sslrootcert` is not UTF-8")?;
                    roots = Some(PathBuf::from(path.into_owned()));
                }
                Some((name, _)) if are_parameters && !PARAMETERS.contains(&name) => {
                    return Err(format!(
                        "it has a parameter `{name}`, which is not known; those that are: {}",
                        PARAMETERS.join(", ")
                    ));
                }
                _ => others.push(parameter),
            }
        }
        if roots.is_some() && !verified {
            return Err(
                "its `sslrootcert` needs `sslmode=verify-full`: else no certificate is checked"
                    .to_owned(),
            );
        }
        let address = if others.is_empty() {
            address.to_owned()
        } else {
            format!("{address}?{}", others.join("&"))
        };
        // The library's own message may quote what stands around a mistake.
        let config: Config = address
            .parse()
            .map_err(|_| format!("it is not a URL that PostgreSQL knows: {FORM}"))?;
        let tls = if verified {
            Tls::Verified { roots }
        } else {
            Tls::AnyServer
        };
        Self::new(config, mode, tls)
    }

    fn new(mut config: Config, mode: SslMode, tls: Tls) -> Result<Self, String> {
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(format!("its host is missing: {FORM}"));
        }
        if config.get_user().is_none_or(str::is_empty) {
            return Err(format!("its user is missing: {FORM}"));
        }
        config.ssl_mode(mode);
        config.keepalives_idle(SILENCE);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name("flow-engine");
        }
        let location = location(&config);
        Ok(Self {
            config,
            tls,
            location,
        })
    }

    /// The database that is asked for: by default the one that is named after the user.
    pub(super) fn database(&self) -> &str {
        self.config
            .get_dbname()
            .or(self.config.get_user())
            .unwrap_or_default()
    }

    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }
}

/// `postgres://user@host:port/database`.
fn location(config: &Config) -> String {
    let mut text = String::from("postgres://");
    if let Some(user) = config.get_user() {
        text.push_str(user);
        text.push('@');
    }
    let ports = config.get_ports();
    let named = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    });
    let numbers = config.get_hostaddrs().iter().map(ToString::to_string);
    let hosts: Vec<String> = if config.get_hosts().is_empty() {
        numbers.collect()
    } else {
        named.collect()
    };
    for (place, host) in hosts.iter().enumerate() {
        // One port is for all hosts.
        let port = ports.get(place).or(ports.first()).unwrap_or(&5432);
        let comma = if place == 0 { "" } else { "," };
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        // Writing to a `String` does not fail.
        let _ = write!(text, "{comma}{host}:{port}");
    }
    let database = config
        .get_dbname()
        .or(config.get_user())
        .unwrap_or_default();
    text.push('/');
    text.push_str(database);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_location_holds_what_is_needed_to_find_it_and_no_password() {
        for (url, location) in [
            (
                "postgres://ada:s3cret@db.example/app",
                "postgres://ada@db.example:5432/app",
            ),
            ("postgres://ada@db:6543", "postgres://ada@db:6543/ada"),
            (
                "postgresql://ada:s3cret@[::1]:1/app",
                "postgres://ada@[::1]:1/app",
            ),
            (
                "postgres://ada:s3cret@a:1,b:2/app?sslmode=require",
                "postgres://ada@a:1,b:2/app",
            ),
            (
                "postgres:///app?user=ada&password=s3cret&host=/run/postgresql",
                "postgres://ada@/run/postgresql:5432/app",
            ),
        ] {
            assert_eq!(Target::parse(url).unwrap().location, location, "{url}");
        }
    }

    #[test]
    fn what_is_percent_encoded_may_be_anything() {
        let target = Target::parse("postgres://u:S3cret%40Pass%2Fword%3F%25@db/app").unwrap();
        assert_eq!(target.location, "postgres://u@db:5432/app");
        let password = target.config.get_password().unwrap();
        assert_eq!(password, b"S3cret@Pass/word?%");
        let target = Target::parse("postgres://u:S3?sslmode=cret@db/app?sslmode=require").unwrap();
        assert_eq!(target.config.get_password().unwrap(), b"S3?sslmode=cret");
        assert_eq!(target.config.get_ssl_mode(), SslMode::Require);
    }

    #[test]
    fn every_parameter_that_is_called_known_is() {
        for name in PARAMETERS {
            let value = match name {
                "sslmode" => "verify-full",
                "sslrootcert" => "/roots.pem&sslmode=verify-full",
                "sslnegotiation" => "direct",
                "hostaddr" => "127.0.0.1",
                "port" => "5432",
                "target_session_attrs" => "any",
                "channel_binding" => "prefer",
                "load_balance_hosts" => "random",
                _ => "1",
            };
            let url = format!("postgres://ada@db/app?{name}={value}");
            assert_eq!(Target::parse(&url).err(), None, "{name}");
        }
    }

    #[test]
    fn tls_is_as_the_url_says() {
        let parse = |parameters: &str| {
            let target = Target::parse(&format!("postgres://ada@db/app{parameters}")).unwrap();
            (target.config.get_ssl_mode(), target.tls)
        };
        let system = Tls::Verified { roots: None };
        let file = Tls::Verified {
            roots: Some(PathBuf::from("/etc/my roots.pem")),
        };
        for (parameters, expected) in [
            ("", (SslMode::Prefer, Tls::AnyServer)),
            ("?sslmode=disable", (SslMode::Disable, Tls::AnyServer)),
            ("?sslmode=prefer", (SslMode::Prefer, Tls::AnyServer)),
            ("?sslmode=require", (SslMode::Require, Tls::AnyServer)),
            (
                "?sslmode=verify-full&connect_timeout=3",
                (SslMode::Require, system),
            ),
            (
                "?sslrootcert=/etc/my%20roots.pem&sslmode=verify-full",
                (SslMode::Require, file),
            ),
        ] {
            assert_eq!(parse(parameters), expected, "{parameters}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_reason() {
        for (url, reason) in [
            (
                "postgres://ada@db/app?sslmode=verify-ca",
                "its `sslmode` is none of",
            ),
            (
                "postgres://ada@db/app?sslrootcert=x",
                "needs `sslmode=verify-full`",
            ),
            (
                "postgres://ada@db:many/app",
                "it is not a URL that PostgreSQL knows: write",
            ),
            (
                "postgres://ada@db/app?colour=red",
                "it has a parameter `colour`, which is not known; those that are: sslmode, sslrootcert,",
            ),
            (
                "postgres://ada@db/app?ssl=true&sslmode=require",
                "it has a parameter `ssl`, which is not known",
            ),
            (
                "postgres://ada:x@y@db/app",
                "it has more than one `@`: in a user, a password and a parameter it is written `%40`",
            ),
            (
                "postgres://ada@db/app?sslmode",
                "it is not a URL that PostgreSQL knows",
            ),
            ("postgres:///app?user=ada", "its host is missing"),
            ("postgres://db/app", "its user is missing"),
        ] {
            let refused = Target::parse(url).unwrap_err();
            assert!(refused.contains(reason), "{url}: {refused}");
        }
    }
}
