;; Wants 512 MiB of memory before it begins.
;; in the component
(core module $Large (memory 8192))
(core instance (instantiate $Large))
