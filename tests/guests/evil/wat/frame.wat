;; A component of the world `action-module` that behaves: NAME.run answers with 1.
;;
;; `e2e::guests::wat` puts the text of another file into it. What that file defines takes the place of the part of the
;; same name here: a part begins at a line `;; part: $name` and goes to the next empty line. The rest of the file goes
;; into the core module, and what stands after a line `;; in the component` into the component, before its parts.
(component
  (import "zonda:action/types@0.1.0" (instance $types
    (type $access-rule' (record (field "service-type" string) (field "method" string) (field "path" string)))
    (export "access-rule" (type $access-rule (eq $access-rule')))
    (type $action-spec' (record
      (field "name" string) (field "description" string)
      (field "input-schema" string) (field "output-schema" (option string))
      (field "access" (list $access-rule))
      (field "idempotent" bool) (field "asynchronous" bool)))
    (export "action-spec" (type $action-spec (eq $action-spec')))
    (type $failure' (record (field "message" string) (field "detail" (option string)) (field "retryable" bool)))
    (export "failure" (type $failure (eq $failure')))
    (type $outcome' (variant (case "done" string) (case "pending")))
    (export "outcome" (type $outcome (eq $outcome')))))
  (alias export $types "action-spec" (type $action-spec))
  (alias export $types "failure" (type $failure))
  (alias export $types "outcome" (type $outcome))

  (import "zonda:action/log@0.1.0" (instance $log
    (type $level' (enum "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $level')))
    (export "log" (func (param "level" $level) (param "message" string) (param "fields" string)))))

  (import "zonda:action/cloud@0.1.0" (instance $cloud
    (type $error' (variant
      (case "no-target") (case "no-endpoint" string) (case "denied" string) (case "invalid-request" string)
      (case "timed-out") (case "too-large" u64) (case "unreachable" string) (case "token-expired")))
    (export "error" (type $error (eq $error')))
    (export "scoped-token" (type $scoped-token (sub resource)))
    (export "target" (func (result (result (own $scoped-token) (error $error)))))))

  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))

  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))
    (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))

  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $pollable'))
    (export "pollable" (type $pollable (eq $pollable')))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))

  ;; The memory, and what puts the host's answers into it.
  (core module $Memory
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 131072))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))

  (core instance $memory (instantiate $Memory))
  (core func $log (canon lower (func $log "log") (memory (core memory $memory "memory"))))
  (core func $target
    (canon lower (func $cloud "target") (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core func $random
    (canon lower (func $random "get-random-bytes") (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $poll
    (canon lower (func $poll "poll") (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))

  (core module $Main
    (import "memory" "memory" (memory $memory 1))
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32)))
    (import "host" "target" (func $target (param i32)))
    (import "host" "random" (func $random (param i64 i32)))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "block" (func $block (param i32)))
    (import "host" "poll" (func $poll (param i32 i32 i32)))

    ;; The description at 0: one action without output schema and access rules.
    (data (i32.const 0) "\00\08\00\00{length}\00\00\00\00\00\00\00\00\00\00\00\00\09\00\00\11\00\00\00")
    (data (i32.const 256) "\00\00\00\00\01\00\00\00")
    (data (i32.const 2048) "{name}.run")
    (data (i32.const 2304) "{\"type\":\"object\"}")
    ;; The result at 512: done, and the text at 4096.
    (data (i32.const 512) "\00\00\00\00\00\00\00\00\00\10\00\00\01\00\00\00")
    (data (i32.const 4096) "1")

    ;; What the host asks for room for a call's parameters.
    ;; part: $realloc
    (global $next (mut i32) (i32.const 8192))
    (func $realloc (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))

    ;; part: $describe
    (func $describe (result i32) (i32.const 256))

    ;; part: $run
    (func $run (param i32 i32 i32 i32) (result i32) (i32.const 512))

    ;; part: $post_run
    (func $post_run (param i32))

    ;; part: $begin
    (func $begin)

    ;; {main}
    (start $begin)
    (export "realloc" (func $realloc))
    (export "describe" (func $describe))
    (export "run" (func $run))
    (export "post_run" (func $post_run)))

  (core instance $main (instantiate $Main
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "log" (func $log))
      (export "target" (func $target))
      (export "random" (func $random))
      (export "subscribe" (func $subscribe))
      (export "block" (func $block))
      (export "poll" (func $poll))))))

  (func $describe (result (list $action-spec))
    (canon lift (core func $main "describe") (memory (core memory $memory "memory"))))
  (func $run (param "name" string) (param "input" string) (result (result $outcome (error $failure)))
    (canon lift (core func $main "run")
      (memory (core memory $memory "memory")) (realloc (core func $main "realloc")) (post-return (core func $main "post_run"))))
  (instance $actions (export "describe" (func $describe)) (export "run" (func $run)))
  (export "zonda:action/actions@0.1.0" (instance $actions))
  ;; {component}
)
