//! The only `wasmtime::Config`, and the thread that ticks its epochs.

use std::{thread, time::Duration};

use tracing::warn;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::{Settings, error::Error};

/// How often guests that do not wait for anything yield to other runs and to their limits.
const TICK: Duration = Duration::from_millis(10);

/// What host functions may use of a fiber's stack, besides the guest's own frames.
const HOST_STACK_BYTES: usize = 512 << 10;

/// Settings that decide about generated code, and so must be the same where code is compiled and where it runs.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that makes a wasmtime::Config"
)]
fn shared_config(stack_bytes: usize) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(false)
        // Neither the async ABI nor GC: two thirds of the past advisories were in their code.
        .concurrency_support(false)
        .gc_support(false)
        .shared_memory(false)
        .wasm_memory64(false)
        // Multi-memory stays on: without it wasmtime panics on components with inner adapters.
        .wasm_multi_memory(true)
        .relaxed_simd_deterministic(true)
        // The slot size of 4 GiB lets compiled code go without bounds checks; the limiter caps what is used of it.
        .memory_reservation(4 << 30)
        .memory_init_cow(true)
        .max_wasm_stack(stack_bytes)
        .async_stack_size(stack_bytes.saturating_add(HOST_STACK_BYTES))
        // Tokens and bodies pass through host frames on that stack.
        .async_stack_zeroing(true);
    config
}

/// The engine of the compiling child: with a compiler, without a pool.
pub(super) fn compiling(stack_bytes: usize) -> Result<Engine, Error> {
    let mut config = shared_config(stack_bytes);
    config.enable_compiler(true);
    Engine::new(&config).map_err(Error::engine)
}

/// The engine that serves: without a compiler, with a pool where the machine allows it, and ticking.
pub(super) fn serving(settings: &Settings) -> Result<Engine, Error> {
    start(settings, false)
}

/// As [`serving`], but with a compiler: for the benchmark's floor alone.
pub(super) fn compiling_and_serving(settings: &Settings) -> Result<Engine, Error> {
    start(settings, true)
}

fn start(settings: &Settings, with_compiler: bool) -> Result<Engine, Error> {
    let mut config = shared_config(settings.stack_bytes());
    config.enable_compiler(with_compiler);
    let on_demand = config.clone();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(settings)));
    let engine = match Engine::new(&config) {
        Ok(engine) => engine,
        Err(err) => {
            warn!(
                error = %format_args!("{err:#}"),
                "no address space for a pool of {} runs; instances are made on demand, which is slower",
                settings.concurrent_runs
            );
            Engine::new(&on_demand).map_err(Error::engine)?
        }
    };
    start_ticker(&engine)?;
    Ok(engine)
}

/// A pool with room for the largest component in every concurrent run and every `describe`, so that nobody takes
/// another's place in it.
fn pool(settings: &Settings) -> PoolingAllocationConfig {
    let stores = settings
        .concurrent_runs
        .max(1)
        .saturating_add(settings.describes());
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let times = |per_run: usize| count(stores.saturating_mul(per_run));
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(times(1))
        .total_stacks(times(1))
        .total_core_instances(times(settings.instances))
        .total_memories(times(settings.memories))
        .total_tables(times(settings.tables))
        .max_core_instances_per_component(count(settings.instances))
        .max_memories_per_component(count(settings.memories))
        .max_tables_per_component(count(settings.tables))
        .max_memories_per_module(count(settings.memories))
        .max_tables_per_module(count(settings.tables))
        .max_memory_size(settings.memory_bytes())
        .table_elements(settings.table_elements)
        // Few slots stay warm, so that a host that was busy once becomes small again.
        .max_unused_warm_slots(16)
        // Pages of linear memories go back at once: kept ones are zeroed whole, touched or not, which made a noop slower
        // and left 1 GiB resident after a thousand runs at one time.
        .linear_memory_keep_resident(0)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(16 << 10);
    // Not `pagemap_scan`: pages that were swapped out are not reset by it.
    pool
}

/// Counts the engine's epoch up until the engine is gone.
fn start_ticker(engine: &Engine) -> Result<(), Error> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("epoch".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(TICK);
                let Some(engine) = engine.upgrade() else {
                    break;
                };
                engine.increment_epoch();
            }
        })
        .map(drop)
        .map_err(Error::ticker)
}
