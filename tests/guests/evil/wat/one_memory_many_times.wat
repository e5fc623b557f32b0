;; A module with one memory, six times.
;; in the component
(core module $One (memory 1))
(core instance (instantiate $One))
(core instance (instantiate $One))
(core instance (instantiate $One))
(core instance (instantiate $One))
(core instance (instantiate $One))
(core instance (instantiate $One))
