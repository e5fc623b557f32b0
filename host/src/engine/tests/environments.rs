//! Who finds which environment, and what is kept of it.

use super::*;
use crate::{
    domain::{Environment, EnvironmentName, Secret, Sight},
    engine::{ChangeEnvironment, NewEnvironment},
    store::{Kind, Store},
};

const MARK: &str = "password-93f1";

fn name(text: &str) -> EnvironmentName {
    EnvironmentName::parse(text).unwrap()
}

fn new(text: &str, scope: Scope) -> NewEnvironment {
    NewEnvironment {
        name: name(text),
        description: None,
        variables: Some(Secret::new(format!(r#"{{"key":"{MARK}"}}"#))),
        scope,
    }
}

impl Host {
    async fn make(&self, project: &str, name: &str, scope: Scope) -> Environment {
        self.engine
            .create_environment(&op(project), new(name, scope))
            .await
            .unwrap()
    }

    async fn found(&self, project: &str, reference: &str) -> Option<Environment> {
        match self
            .engine
            .environment(&op(project), reference, Sight::Project)
            .await
        {
            Ok(environment) => Some(environment),
            Err(Error::NotFound(words)) => {
                assert_eq!(words, format!("Environment not found [name={reference}]"));
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn publish(&self, project: &str, text: &str, scope: Scope) -> Environment {
        let change = ChangeEnvironment {
            scope: Some(scope),
            ..ChangeEnvironment::default()
        };
        self.engine
            .change_environment(&op(project), &name(text), change)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn ones_own_environment_comes_before_a_public_one_of_its_name() {
    let host = Host::start().await;
    let public = host.make("p", "prod", Scope::Public).await;
    assert_eq!(host.found("q", "prod").await, Some(public.clone()));
    let own = host.make("q", "prod", Scope::Private).await;
    assert_eq!(host.found("q", "prod").await, Some(own.clone()));
    assert_eq!(host.found("p", "prod").await, Some(public.clone()));
    assert_eq!(host.found("r", "prod").await, Some(public));
    assert_eq!(host.found("q", &own.id.to_string()).await, Some(own));
}

#[tokio::test]
async fn another_projects_environment_is_not_there() {
    let host = Host::start().await;
    let theirs = host.make("p", "prod", Scope::Private).await;
    for reference in ["prod", &theirs.id.to_string()] {
        assert_eq!(host.found("q", reference).await, None);
        assert!(matches!(
            host.engine.delete_environment(&op("q"), reference).await,
            Err(Error::NotFound(_))
        ));
    }
    assert!(host.found("p", "prod").await.is_some());
}

#[tokio::test]
async fn a_public_environment_is_its_owners_to_change_and_to_delete() {
    let host = Host::start().await;
    let public = host.make("p", "prod", Scope::Public).await;
    let change = ChangeEnvironment {
        variables: Some(None),
        ..ChangeEnvironment::default()
    };
    assert!(matches!(
        host.engine
            .change_environment(&op("q"), &name("prod"), change)
            .await,
        Err(Error::NotFound(_))
    ));
    for reference in ["prod", &public.id.to_string()] {
        assert!(matches!(
            host.engine.delete_environment(&op("q"), reference).await,
            Err(Error::NotFound(_))
        ));
    }
    assert_eq!(host.found("p", "prod").await, Some(public));
}

#[tokio::test]
async fn what_is_public_no_more_is_not_found_by_others() {
    let host = Host::start().await;
    host.make("p", "prod", Scope::Private).await;
    let public = host.publish("p", "prod", Scope::Public).await;
    assert_eq!(public.version, 1);
    assert!(host.found("q", "prod").await.is_some());
    let private = host.publish("p", "prod", Scope::Private).await;
    assert_eq!(host.found("q", "prod").await, None);
    assert_eq!(host.found("q", &private.id.to_string()).await, None);
}

#[tokio::test]
async fn a_name_is_taken_in_its_own_project_until_it_is_deleted() {
    let host = Host::start().await;
    host.make("p", "prod", Scope::Private).await;
    host.make("q", "prod", Scope::Private).await;
    let again = host
        .engine
        .create_environment(&op("p"), new("prod", Scope::Private))
        .await;
    let Err(Error::Conflict(words)) = again else {
        panic!("a name was given twice")
    };
    assert_eq!(
        words,
        "Duplicate entry for Environment ['name', 'project_id']: prod, p"
    );
    host.engine
        .delete_environment(&op("p"), "prod")
        .await
        .unwrap();
    host.make("p", "prod", Scope::Private).await;
    assert!(host.found("q", "prod").await.is_some());
}

#[tokio::test]
async fn a_name_with_a_slash_takes_nothing_from_another_project() {
    let host = Host::start().await;
    host.make("p/q", "r", Scope::Private).await;
    host.make("p", "q/r", Scope::Private).await;
    assert!(host.found("p", "q/r").await.is_some());
}

#[tokio::test]
async fn variables_are_sealed_and_open_in_their_own_place_alone() {
    let host = Host::start().await;
    let mut one = host.make("p", "one", Scope::Private).await;
    let two = host.make("p", "two", Scope::Private).await;
    let record = host
        .store
        .find(Kind::Environment, one.id.uuid())
        .await
        .unwrap()
        .unwrap();
    let is_there = record
        .body
        .windows(MARK.len())
        .any(|part| part == MARK.as_bytes());
    assert!(!is_there, "variables are in the store in the clear");
    let variables = host.engine.variables(&one).unwrap().unwrap();
    assert!(variables.expose().contains(MARK));
    assert!(!format!("{one:?} {variables:?}").contains(MARK));
    one.variables = two.variables;
    assert!(host.engine.variables(&one).is_err());
}

#[tokio::test]
async fn a_change_leaves_the_rest_as_it_was() {
    let host = Host::start().await;
    let made = host.make("p", "prod", Scope::Private).await;
    host.clock.advance(Duration::from_secs(60));
    let change = ChangeEnvironment {
        description: Some(Some("for real".to_owned())),
        ..ChangeEnvironment::default()
    };
    let changed = host
        .engine
        .change_environment(&op("p"), &name("prod"), change)
        .await
        .unwrap();
    assert_eq!(
        changed,
        Environment {
            description: Some("for real".to_owned()),
            version: 1,
            updated_at: Some(made.created_at.after(Duration::from_secs(60))),
            ..made
        }
    );
}
