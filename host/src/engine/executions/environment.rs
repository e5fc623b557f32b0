//! The environment that an execution begins with: given in its `params`, or kept under a name.

use serde_json::{Map, Value};

use crate::{
    domain::{EnvironmentId, Operation, Sight},
    engine::{Engine, Error, apart},
};

/// An environment that is kept under a name, for an execution.
pub(super) struct Named {
    pub(super) id: EnvironmentId,
    /// Its variables, evaluated.
    pub(super) variables: Map<String, Value>,
}

impl Engine {
    /// Reads the environment that `params` name or have, with its expressions evaluated unless `evaluate_env` is false.
    /// One that was given stays in `params`; one that is kept under a name is answered, since its variables are private.
    ///
    /// # Errors
    /// When there is none of that name, or an expression has no value.
    pub(super) async fn read_environment(
        &self,
        op: &Operation,
        params: &mut Map<String, Value>,
    ) -> Result<Option<Named>, Error> {
        let is_evaluated = params.get("evaluate_env") != Some(&Value::Bool(false));
        match params.get("env").cloned() {
            Some(Value::Object(env)) => {
                let env = self.evaluate_env(env, is_evaluated).await?;
                params.insert("env".to_owned(), Value::Object(env));
                Ok(None)
            }
            Some(Value::String(name)) if !name.is_empty() => {
                let found = self.environment(op, &name, Sight::Project).await;
                let found = found.map_err(|err| {
                    if matches!(err, Error::NotFound(_)) {
                        Error::BadInput(format!("Environment is not found: {name}"))
                    } else {
                        err
                    }
                })?;
                let text = self.variables(&found)?;
                let env = text.map_or(Ok(Map::new()), |text| serde_json::from_str(text.expose()));
                let env = env.map_err(|error| Error::Host(error.into()))?;
                let variables = self.evaluate_env(env, is_evaluated).await?;
                let id = found.id;
                Ok(Some(Named { id, variables }))
            }
            None | Some(Value::Null | Value::String(_)) => {
                params.insert("env".to_owned(), Value::Object(Map::new()));
                Ok(None)
            }
            Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_))) => {
                Err(Error::BadInput(format!(
                    "Unexpected value type for environment [env={other}]: give an object, or the name of an environment"
                )))
            }
        }
    }

    async fn evaluate_env(
        &self,
        env: Map<String, Value>,
        is_evaluated: bool,
    ) -> Result<Map<String, Value>, Error> {
        if !is_evaluated {
            return Ok(env);
        }
        let (bounds, now) = (self.settings.bounds(), self.clock.now());
        let evaluate = move || apart::evaluate_environment(env, bounds, now);
        let evaluating = tokio::task::spawn_blocking(evaluate);
        let env = evaluating.await.map_err(|err| Error::Host(err.into()))?;
        env.map_err(Error::BadInput)
    }
}
