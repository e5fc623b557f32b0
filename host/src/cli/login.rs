//! From options, environment and `clouds.yaml` to a complete login at a Keystone, or to none, never to half of one.

use std::{fs, path::PathBuf};

use url::Url;

use super::{
    cloud_fields::{CloudArgs, Field, HomeArgs, Side, TargetArgs, Values},
    clouds_yaml,
    environment::Environment,
    error::Error,
};
use crate::domain::Secret;

/// A user or project, by id or by name within a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// By its id.
    Id(String),
    /// By its name within a domain.
    Name(String, Domain),
}

/// A domain, by id or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Domain {
    /// By its id.
    Id(String),
    /// By its name.
    Name(String),
}

/// How one proves oneself to a Keystone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// By a token that is there already.
    Token(Secret),
    /// By a user's password.
    Password { user: Named, password: Secret },
    /// By an application credential.
    ApplicationCredential { id: String, secret: Secret },
}

/// How TLS to a cloud is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tls {
    /// CA certificates in PEM, in place of the machine's.
    pub(super) ca_cert: Option<String>,
    /// Whether certificates go unchecked.
    pub(super) is_insecure: bool,
}

/// Everything that it takes to get a token from a Keystone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// Keystone's URL, ending in `/v3`.
    pub(super) auth_url: Url,
    /// The one credential.
    pub(super) identity: Identity,
    /// The project to act in.
    pub(super) project: Option<Named>,
    /// The region of the endpoints.
    pub(super) region: Option<String>,
    /// How TLS to this cloud is checked.
    pub(super) tls: Tls,
}

/// How the client proves itself to Zonda.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Home {
    /// Not at all: the server asks nobody.
    Nobody,
    /// By a token that is there already, with no Keystone named to ask about it.
    Token(Secret),
    /// By a token that a Keystone gives.
    Login(Box<Login>),
}

/// The home login and the TLS of the home cloud, which Zonda's own API belongs to.
///
/// # Errors
/// When the values are incomplete or contradict each other; the message names them.
pub(super) fn home(args: &HomeArgs, env: &Environment) -> Result<(Home, Tls), Error> {
    const ASKS_FOR_LOGIN: [Field; 8] = [
        Field::AuthUrl,
        Field::Token,
        Field::Username,
        Field::UserId,
        Field::Password,
        Field::ApplicationCredentialId,
        Field::ApplicationCredentialSecret,
        Field::AuthType,
    ];
    let values = gather(args, env)?;
    let tls = tls(Side::Home, &values)?;
    let is_off = matches!(
        values.get(Field::AuthType),
        Some("none" | "noauth" | "null")
    );
    if is_off || !ASKS_FOR_LOGIN.iter().any(|field| values.has(*field)) {
        return Ok((Home::Nobody, tls));
    }
    if let (Some(token), false) = (values.secret(Field::Token), values.has(Field::AuthUrl)) {
        return Ok((Home::Token(token), tls));
    }
    let login = complete(Side::Home, &values, tls.clone())?;
    Ok((Home::Login(Box::new(login)), tls))
}

/// The login at the target cloud, or none when nothing of it is given.
///
/// # Errors
/// When some values are given and others missing: all or none. The message names what is missing.
pub(super) fn target(args: &TargetArgs, env: &Environment) -> Result<Option<Login>, Error> {
    // The stock clients set domains by default, so that domains alone ask for nothing.
    const DOMAINS: [Field; 4] = [
        Field::UserDomainName,
        Field::UserDomainId,
        Field::ProjectDomainName,
        Field::ProjectDomainId,
    ];
    let values = gather(args, env)?;
    if values.only(&DOMAINS) {
        return Ok(None);
    }
    let tls = tls(Side::Target, &values)?;
    complete(Side::Target, &values, tls).map(Some)
}

/// Options over the named cloud of `clouds.yaml`, or over the environment when none is named. With a named cloud the
/// environment gives a password only: files often leave it out.
fn gather<const SIDE: usize>(args: &CloudArgs<SIDE>, env: &Environment) -> Result<Values, Error> {
    let side = CloudArgs::<SIDE>::SIDE;
    let from_environment = Values::from_environment(side, env);
    let name = args
        .cloud
        .clone()
        .or_else(|| env.get(CloudArgs::<SIDE>::CLOUD_ENV));
    let Some(name) = name else {
        return Ok(args.values.clone().or(&from_environment));
    };
    let mut cloud = clouds_yaml::cloud(&name, env)?;
    let names_user = cloud.has(Field::Username) || cloud.has(Field::UserId);
    if let (true, false, Some(password)) = (
        names_user,
        cloud.has(Field::Password) || cloud.has(Field::Token),
        from_environment.text(Field::Password),
    ) {
        cloud.set(Field::Password, password);
    }
    Ok(args.values.clone().or(&cloud))
}

fn complete(side: Side, values: &Values, tls: Tls) -> Result<Login, Error> {
    let kind = credential_kind(side, values)?;
    let project = named(
        values,
        Field::ProjectId,
        Field::ProjectName,
        Field::ProjectDomainId,
        Field::ProjectDomainName,
    );
    let mut missing = Vec::new();
    if !values.has(Field::AuthUrl) {
        missing.push(Field::AuthUrl);
    }
    let needed: &[Field] = match kind {
        Kind::Token => &[Field::Token],
        Kind::Password => &[Field::Password],
        Kind::ApplicationCredential => &[
            Field::ApplicationCredentialId,
            Field::ApplicationCredentialSecret,
        ],
    };
    missing.extend(needed.iter().filter(|field| !values.has(**field)));
    let user = named(
        values,
        Field::UserId,
        Field::Username,
        Field::UserDomainId,
        Field::UserDomainName,
    );
    if kind == Kind::Password {
        if user.is_none() {
            missing.push(Field::Username);
        }
        // At home Keystone knows the user's own project; on a target nothing is left to chance.
        if project.is_none() && side == Side::Target {
            missing.push(Field::ProjectName);
        }
    }
    let (true, Some(auth_url)) = (missing.is_empty(), values.get(Field::AuthUrl)) else {
        return Err(incomplete(side, &missing));
    };
    let secret = |field| {
        values
            .secret(field)
            .unwrap_or_else(|| Secret::new(String::new()))
    };
    let identity = match (kind, user) {
        (Kind::Password, Some(user)) => Identity::Password {
            user,
            password: secret(Field::Password),
        },
        (Kind::ApplicationCredential, _) => Identity::ApplicationCredential {
            id: values
                .text(Field::ApplicationCredentialId)
                .unwrap_or_default(),
            secret: secret(Field::ApplicationCredentialSecret),
        },
        (Kind::Token | Kind::Password, _) => Identity::Token(secret(Field::Token)),
    };
    Ok(Login {
        auth_url: versioned(side, auth_url)?,
        identity,
        project,
        region: values.text(Field::RegionName),
        tls,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Token,
    Password,
    ApplicationCredential,
}

/// The kind of credential that is given: what the authentication type says, else the only one there is.
fn credential_kind(side: Side, values: &Values) -> Result<Kind, Error> {
    match values.get(Field::AuthType) {
        Some("password" | "v3password") => return Ok(Kind::Password),
        Some("token" | "v3token") => return Ok(Kind::Token),
        Some("v3applicationcredential") => return Ok(Kind::ApplicationCredential),
        Some(other) => {
            return Err(Error::usage(format!(
                "{} of {} is `{other}`; known are password, token and v3applicationcredential",
                Field::AuthType.how_to_give(side),
                side.title()
            )));
        }
        None => {}
    }
    let given: Vec<(Kind, Field)> = [
        (Kind::Token, Field::Token),
        (Kind::Password, Field::Password),
        (
            Kind::ApplicationCredential,
            Field::ApplicationCredentialSecret,
        ),
    ]
    .into_iter()
    .filter(|(_, field)| values.has(*field))
    .collect();
    match given.as_slice() {
        [] if values.has(Field::ApplicationCredentialId) => Ok(Kind::ApplicationCredential),
        [] => Ok(Kind::Password),
        [(kind, _)] => Ok(*kind),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|(_, field)| field.how_to_give(side))
                .collect();
            Err(Error::usage(format!(
                "{} has several credentials: {}; give one, or say which by {}",
                side.title(),
                names.join(" and "),
                Field::AuthType.how_to_give(side)
            )))
        }
    }
}

fn incomplete(side: Side, missing: &[Field]) -> Error {
    let names: Vec<String> = missing
        .iter()
        .map(|field| field.how_to_give(side))
        .collect();
    Error::usage(format!(
        "{} is incomplete, all values or none: missing {}",
        side.title(),
        names.join(" and ")
    ))
}

fn named(
    values: &Values,
    id: Field,
    name: Field,
    domain_id: Field,
    domain_name: Field,
) -> Option<Named> {
    if let Some(id) = values.text(id) {
        return Some(Named::Id(id));
    }
    let domain = match (values.text(domain_id), values.text(domain_name)) {
        (Some(id), _) => Domain::Id(id),
        (None, Some(name)) => Domain::Name(name),
        (None, None) => Domain::Id("default".to_owned()),
    };
    Some(Named::Name(values.text(name)?, domain))
}

/// Keystone's URL with `/v3`, however it was given.
fn versioned(side: Side, text: &str) -> Result<Url, Error> {
    let fault = |reason: &str| {
        Error::usage(format!(
            "{} of {} {reason}",
            Field::AuthUrl.how_to_give(side),
            side.title()
        ))
    };
    let mut url = Url::parse(text).map_err(|err| fault(&format!("is not a URL: {err}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(fault("is not an http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault(
            "has a user or password in it; give those by themselves",
        ));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v2.0").unwrap_or(path);
    let path = path.strip_suffix("/v3").unwrap_or(path).to_owned();
    url.set_path(&format!("{path}/v3"));
    Ok(url)
}

fn tls(side: Side, values: &Values) -> Result<Tls, Error> {
    let is_insecure = match values.get(Field::Insecure) {
        None => false,
        Some(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => {
                return Err(Error::usage(format!(
                    "{} must be true or false",
                    Field::Insecure.how_to_give(side)
                )));
            }
        },
    };
    let ca_cert = match values.text(Field::CaCert).map(PathBuf::from) {
        None => None,
        Some(path) => {
            Some(fs::read_to_string(&path).map_err(|source| Error::Read { path, source })?)
        }
    };
    if ca_cert
        .as_deref()
        .is_some_and(|text| !text.contains("-----BEGIN CERTIFICATE-----"))
    {
        return Err(Error::usage(format!(
            "{} of {} holds no certificates in PEM",
            Field::CaCert.how_to_give(side),
            side.title()
        )));
    }
    Ok(Tls {
        ca_cert,
        is_insecure,
    })
}

#[cfg(test)]
mod tests;
