//! The one table of what tells a cloud and a credential: its options, its variables, its place in `clouds.yaml`.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::environment::Environment;
use crate::domain::Secret;

/// Which of the two clouds is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The cloud whose Keystone guards Zonda.
    Home,
    /// The cloud that an action works on.
    Target,
}

impl Side {
    /// How messages call it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Home => "the home cloud",
            Self::Target => "the target cloud",
        }
    }
}

/// One value that tells a cloud or a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    AuthType,
    AuthUrl,
    Token,
    Username,
    UserId,
    Password,
    UserDomainName,
    UserDomainId,
    ProjectName,
    ProjectId,
    ProjectDomainName,
    ProjectDomainId,
    ApplicationCredentialId,
    ApplicationCredentialSecret,
    RegionName,
    CaCert,
    Insecure,
}

/// How one side spells a field.
pub(super) struct Spelling {
    option: &'static str,
    aliases: &'static [&'static str],
    env: &'static [&'static str],
}

/// A field with its spellings.
pub(super) struct Row {
    pub(super) field: Field,
    home: Spelling,
    target: Spelling,
    /// A member of `auth` in `clouds.yaml`, or of the cloud itself.
    pub(super) yaml: &'static str,
    /// What it is, for help and messages.
    pub(super) title: &'static str,
    is_flag: bool,
}

impl Row {
    const fn spelling(&self, side: Side) -> &Spelling {
        match side {
            Side::Home => &self.home,
            Side::Target => &self.target,
        }
    }
}

macro_rules! row {
    ($field:ident, $title:literal, $yaml:literal, flag: $flag:literal,
     $home:literal [$($home_alias:literal),*] [$($home_env:literal),*],
     $target:literal [$($target_alias:literal),*] [$($target_env:literal),*]) => {
        Row {
            field: Field::$field,
            home: Spelling { option: $home, aliases: &[$($home_alias),*], env: &[$($home_env),*] },
            target: Spelling { option: $target, aliases: &[$($target_alias),*], env: &[$($target_env),*] },
            yaml: $yaml,
            title: $title,
            is_flag: $flag,
        }
    };
}

/// Every field. Old names of the stock clients and of the multi-VIM specification are aliases.
#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row!(AuthType, "authentication type", "auth_type", flag: false,
        "os-auth-type" [] ["OS_AUTH_TYPE"],
        "os-target-auth-type" [] ["OS_TARGET_AUTH_TYPE"]),
    row!(AuthUrl, "Keystone's URL", "auth_url", flag: false,
        "os-auth-url" [] ["OS_AUTH_URL"],
        "os-target-auth-url" [] ["OS_TARGET_AUTH_URL", "TARGET_OS_AUTH_URL"]),
    row!(Token, "token", "token", flag: false,
        "os-token" ["os-auth-token"] ["OS_TOKEN", "OS_AUTH_TOKEN"],
        "os-target-auth-token" ["os-target-token"] ["OS_TARGET_AUTH_TOKEN", "OS_TARGET_TOKEN"]),
    row!(Username, "user's name", "username", flag: false,
        "os-username" [] ["OS_USERNAME"],
        "os-target-username" [] ["OS_TARGET_USERNAME", "TARGET_OS_USERNAME"]),
    row!(UserId, "user's id", "user_id", flag: false,
        "os-user-id" [] ["OS_USER_ID"],
        "os-target-user-id" [] ["OS_TARGET_USER_ID"]),
    row!(Password, "password", "password", flag: false,
        "os-password" [] ["OS_PASSWORD"],
        "os-target-password" [] ["OS_TARGET_PASSWORD", "TARGET_OS_PASSWORD"]),
    row!(UserDomainName, "name of the user's domain", "user_domain_name", flag: false,
        "os-user-domain-name" [] ["OS_USER_DOMAIN_NAME"],
        "os-target-user-domain-name" [] ["OS_TARGET_USER_DOMAIN_NAME"]),
    row!(UserDomainId, "id of the user's domain", "user_domain_id", flag: false,
        "os-user-domain-id" [] ["OS_USER_DOMAIN_ID"],
        "os-target-user-domain-id" [] ["OS_TARGET_USER_DOMAIN_ID"]),
    row!(ProjectName, "project's name", "project_name", flag: false,
        "os-project-name" ["os-tenant-name"] ["OS_PROJECT_NAME", "OS_TENANT_NAME"],
        "os-target-project-name" ["os-target-tenant-name", "os-target-tenant"]
        ["OS_TARGET_PROJECT_NAME", "OS_TARGET_TENANT_NAME", "TARGET_OS_TENANT"]),
    row!(ProjectId, "project's id", "project_id", flag: false,
        "os-project-id" ["os-tenant-id"] ["OS_PROJECT_ID", "OS_TENANT_ID"],
        "os-target-project-id" ["os-target-tenant-id"] ["OS_TARGET_PROJECT_ID", "OS_TARGET_TENANT_ID"]),
    row!(ProjectDomainName, "name of the project's domain", "project_domain_name", flag: false,
        "os-project-domain-name" [] ["OS_PROJECT_DOMAIN_NAME"],
        "os-target-project-domain-name" [] ["OS_TARGET_PROJECT_DOMAIN_NAME"]),
    row!(ProjectDomainId, "id of the project's domain", "project_domain_id", flag: false,
        "os-project-domain-id" [] ["OS_PROJECT_DOMAIN_ID"],
        "os-target-project-domain-id" [] ["OS_TARGET_PROJECT_DOMAIN_ID"]),
    row!(ApplicationCredentialId, "application credential's id", "application_credential_id", flag: false,
        "os-application-credential-id" [] ["OS_APPLICATION_CREDENTIAL_ID"],
        "os-target-application-credential-id" [] ["OS_TARGET_APPLICATION_CREDENTIAL_ID"]),
    row!(ApplicationCredentialSecret, "application credential's secret", "application_credential_secret", flag: false,
        "os-application-credential-secret" [] ["OS_APPLICATION_CREDENTIAL_SECRET"],
        "os-target-application-credential-secret" [] ["OS_TARGET_APPLICATION_CREDENTIAL_SECRET"]),
    row!(RegionName, "region", "region_name", flag: false,
        "os-region-name" [] ["OS_REGION_NAME"],
        "os-target-region-name" [] ["OS_TARGET_REGION_NAME"]),
    row!(CaCert, "file with CA certificates (PEM)", "cacert", flag: false,
        "os-cacert" [] ["OS_CACERT"],
        "os-target-cacert" ["os-target_cacert"] ["OS_TARGET_CACERT", "TARGET_OS_CA_CERT"]),
    row!(Insecure, "leave TLS certificates unchecked", "insecure", flag: true,
        "os-insecure" ["insecure"] ["OS_INSECURE"],
        "os-target-insecure" ["target_insecure"] ["OS_TARGET_INSECURE", "TARGET_MISTRALCLIENT_INSECURE"]),
];

impl Field {
    fn row(self) -> &'static Row {
        ROWS.iter()
            .find(|row| row.field == self)
            .expect("every field has a row, which a test checks")
    }

    /// What it is and how to give it: `password (--os-password, OS_PASSWORD)`.
    pub(super) fn how_to_give(self, side: Side) -> String {
        let row = self.row();
        let spelling = row.spelling(side);
        let env = spelling.env.first().copied().unwrap_or_default();
        format!("{} (--{}, {env})", row.title, spelling.option)
    }
}

/// Values of fields, all kept like secrets.
#[derive(Debug, Clone, Default)]
pub(super) struct Values(BTreeMap<Field, Secret>);

impl Values {
    /// What the environment says of `side`.
    pub(super) fn from_environment(side: Side, env: &Environment) -> Self {
        let mut values = Self::default();
        for row in ROWS {
            if let Some(value) = env.first(row.spelling(side).env) {
                values.set(row.field, value);
            }
        }
        values
    }

    /// The value of `field`.
    pub(super) fn get(&self, field: Field) -> Option<&str> {
        self.0.get(&field).map(Secret::expose)
    }

    /// The value of `field` as a text of its own.
    pub(super) fn text(&self, field: Field) -> Option<String> {
        self.get(field).map(str::to_owned)
    }

    /// The value of `field`, still kept like a secret.
    pub(super) fn secret(&self, field: Field) -> Option<Secret> {
        self.0.get(&field).cloned()
    }

    /// Whether `field` has a value.
    pub(super) fn has(&self, field: Field) -> bool {
        self.0.contains_key(&field)
    }

    /// Whether nothing beside `fields` has a value.
    pub(super) fn only(&self, fields: &[Field]) -> bool {
        self.0.keys().all(|field| fields.contains(field))
    }

    /// Sets `field`, unless `value` is empty.
    pub(super) fn set(&mut self, field: Field, value: String) {
        if !value.is_empty() {
            self.0.insert(field, Secret::new(value));
        }
    }

    /// These values, with what they lack from `lower`. A pair of fields that say the same thing by id and by name is
    /// taken as one, and so is a credential: an option's token does not meet the environment's password.
    pub(super) fn or(mut self, lower: &Self) -> Self {
        use Field::{
            ApplicationCredentialId, ApplicationCredentialSecret, Password, ProjectDomainId,
            ProjectDomainName, ProjectId, ProjectName, Token, UserDomainId, UserDomainName, UserId,
            Username,
        };
        const ALTERNATIVES: [&[&[Field]]; 5] = [
            &[
                &[Token],
                &[Password],
                &[ApplicationCredentialId, ApplicationCredentialSecret],
            ],
            &[&[Username], &[UserId]],
            &[&[ProjectName], &[ProjectId]],
            &[&[UserDomainName], &[UserDomainId]],
            &[&[ProjectDomainName], &[ProjectDomainId]],
        ];
        let hidden: Vec<Field> = ALTERNATIVES
            .iter()
            .filter(|ways| {
                ways.iter()
                    .any(|way| way.iter().any(|field| self.has(*field)))
            })
            .flat_map(|ways| ways.iter())
            .filter(|way| !way.iter().any(|field| self.has(*field)))
            .flat_map(|way| way.iter().copied())
            .collect();
        for (field, value) in &lower.0 {
            if !hidden.contains(field) {
                self.0.entry(*field).or_insert_with(|| value.clone());
            }
        }
        self
    }
}

/// The options that name one cloud: `SIDE` 0 the home cloud's, 1 the target's.
#[derive(Debug, Clone, Default)]
pub(super) struct CloudArgs<const SIDE: usize> {
    /// A cloud of `clouds.yaml`.
    pub(super) cloud: Option<String>,
    /// What the options say.
    pub(super) values: Values,
}

impl<const SIDE: usize> CloudArgs<SIDE> {
    /// Which cloud these options name.
    pub(super) const SIDE: Side = if SIDE == 0 { Side::Home } else { Side::Target };

    const CLOUD: &str = match Self::SIDE {
        Side::Home => "os-cloud",
        Side::Target => "os-target-cloud",
    };

    /// The variable that names a cloud of `clouds.yaml`.
    pub(super) const CLOUD_ENV: &str = match Self::SIDE {
        Side::Home => "OS_CLOUD",
        Side::Target => "OS_TARGET_CLOUD",
    };

    const HEADING: &str = match Self::SIDE {
        Side::Home => "Authentication",
        Side::Target => "Target cloud",
    };
}

/// The home cloud's options.
pub(super) type HomeArgs = CloudArgs<0>;
/// The target cloud's options.
pub(super) type TargetArgs = CloudArgs<1>;

impl<const SIDE: usize> Args for CloudArgs<SIDE> {
    fn augment_args(command: Command) -> Command {
        let cloud = Arg::new(Self::CLOUD)
            .long(Self::CLOUD)
            .value_name("NAME")
            .help(format!("Cloud of clouds.yaml [env: {}]", Self::CLOUD_ENV))
            .help_heading(Self::HEADING)
            .global(true);
        ROWS.iter().fold(command.arg(cloud), |command, row| {
            let spelling = row.spelling(Self::SIDE);
            let title = first_upper(row.title);
            command.arg(
                Arg::new(spelling.option)
                    .long(spelling.option)
                    .aliases(spelling.aliases)
                    .help(format!("{title} [env: {}]", spelling.env.join(", ")))
                    .help_heading(Self::HEADING)
                    .hide_short_help(true)
                    .global(true)
                    .action(if row.is_flag {
                        ArgAction::SetTrue
                    } else {
                        ArgAction::Set
                    })
                    .value_name("VALUE"),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const SIDE: usize> FromArgMatches for CloudArgs<SIDE> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut values = Values::default();
        for row in ROWS {
            let option = row.spelling(Self::SIDE).option;
            if row.is_flag {
                if matches.get_flag(option) {
                    values.set(row.field, "true".to_owned());
                }
            } else if let Some(value) = matches.get_one::<String>(option) {
                values.set(row.field, value.clone());
            }
        }
        Ok(Self {
            cloud: matches.get_one::<String>(Self::CLOUD).cloned(),
            values,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(Field, &str)]) -> Values {
        let mut values = Values::default();
        for (field, value) in pairs {
            values.set(*field, (*value).to_owned());
        }
        values
    }

    #[test]
    fn every_field_has_one_row() {
        for pair in ROWS.windows(2) {
            assert!(pair[0].field < pair[1].field, "rows stand in order");
        }
        assert_eq!(ROWS.last().map(|row| row.field), Some(Field::Insecure));
        assert_eq!(ROWS.len(), Field::Insecure as usize + 1);
    }

    #[test]
    fn both_spellings_of_the_target_variables_are_read() {
        let env = Environment::from_pairs(&[
            ("TARGET_OS_TENANT", "demo"),
            ("TARGET_OS_CA_CERT", "/ca.pem"),
            ("OS_TARGET_USERNAME", "ann"),
            ("TARGET_OS_USERNAME", "bob"),
            ("OS_TARGET_PASSWORD", ""),
            ("OS_USERNAME", "home"),
        ]);
        let values = Values::from_environment(Side::Target, &env);
        assert_eq!(values.get(Field::ProjectName), Some("demo"));
        assert_eq!(values.get(Field::CaCert), Some("/ca.pem"));
        assert_eq!(values.get(Field::Username), Some("ann"));
        assert!(!values.has(Field::Password), "empty is absent");
    }

    #[test]
    fn a_given_id_hides_a_lower_name_and_a_given_token_a_lower_password() {
        let upper = values(&[(Field::ProjectId, "p1"), (Field::Token, "t")]);
        let lower = values(&[
            (Field::ProjectName, "other"),
            (Field::Password, "secret"),
            (Field::RegionName, "r"),
        ]);
        let merged = upper.or(&lower);
        assert!(!merged.has(Field::ProjectName));
        assert!(!merged.has(Field::Password));
        assert_eq!(merged.get(Field::RegionName), Some("r"));
    }

    #[test]
    fn values_do_not_print() {
        let shown = format!("{:?}", values(&[(Field::Password, "hunter2")]));
        assert!(!shown.contains("hunter2"));
    }
}
