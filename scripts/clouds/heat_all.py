"""Heat's API (a WSGI application) and its engine in one process: oslo.messaging's fake driver needs no broker."""

import os
import sys
import time
import types

sys.argv = ["heat-api", "--config-file", os.environ["HEAT_CONF"]]

from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.THREADING)

from heat.wsgi.api import application  # noqa: E402, F401  (it reads the configuration and sets up messaging)

# The fake driver polls every 50 ms.
from oslo_messaging._drivers import impl_fake  # noqa: E402

impl_fake.time = types.SimpleNamespace(time=time.time, sleep=lambda seconds: time.sleep(min(seconds, 0.005)))

from heat.engine import service as engine  # noqa: E402
from heat.engine import template  # noqa: E402
from heat.rpc import api as rpc_api  # noqa: E402
from oslo_config import cfg  # noqa: E402

template._get_template_extension_manager()
ENGINE = engine.EngineService(cfg.CONF.host, rpc_api.ENGINE_TOPIC)
ENGINE.start()
