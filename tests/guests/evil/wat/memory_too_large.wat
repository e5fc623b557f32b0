;; Wants 4 GiB of memory before it begins.
;; in the component
(core module $Large (memory 65536))
(core instance (instantiate $Large))
