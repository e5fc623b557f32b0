//! The bare floor of the benchmark: the same engine and instance, without limits, log, facts or policy.

use wasmtime::{
    Engine, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView, p2};

use super::{
    Settings,
    bindings::{ActionModulePre, exports::zonda::action::actions::Outcome},
    engine,
    error::Error,
};

/// A component that is run with nothing around it.
pub struct Floor {
    engine: Engine,
    pre: ActionModulePre<Bare>,
}

#[derive(Default)]
struct Bare {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Bare {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl Floor {
    /// Compiles `component`; what it imports besides WASI traps.
    ///
    /// # Errors
    /// When it is no component of the world.
    pub fn new(component: &[u8]) -> Result<Self, Error> {
        let engine = engine::compiling_and_serving(&Settings::default())?;
        let pre = Self::link(&engine, component).map_err(Error::engine)?;
        Ok(Self { engine, pre })
    }

    fn link(engine: &Engine, component: &[u8]) -> wasmtime::Result<ActionModulePre<Bare>> {
        let component = Component::new(engine, component)?;
        let mut linker = Linker::new(engine);
        p2::add_to_linker_async(&mut linker)?;
        linker.define_unknown_imports_as_traps(&component)?;
        ActionModulePre::new(linker.instantiate_pre(&component)?)
    }

    /// Runs `name` in a fresh store.
    ///
    /// # Errors
    /// When it traps or fails.
    pub async fn run(&self, name: &str, input: &str) -> Result<String, Error> {
        let failed = |message: String| Error::host("the run failed", message);
        let mut store = Store::new(&self.engine, Bare::default());
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        let call = async {
            let bindings = self.pre.instantiate_async(&mut store).await?;
            let input = input.to_owned();
            let actions = bindings.zonda_action_actions();
            actions.call_run(&mut store, name, &input).await
        };
        match call.await.map_err(Error::engine)? {
            Ok(Outcome::Done(json)) => Ok(json),
            Ok(Outcome::Pending) => Err(failed("it is pending".to_owned())),
            Err(failure) => Err(failed(failure.message)),
        }
    }
}
