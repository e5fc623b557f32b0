"""neutron_tables.py FILE: makes Neutron's tables from its models, since its migrations do not run on sqlite."""

import sys

import sqlalchemy
from neutron.db.migration.models import head  # noqa: F401  (it registers the models)
from neutron_lib.db import model_base

model_base.BASEV2.metadata.create_all(sqlalchemy.create_engine("sqlite:///" + sys.argv[1]))
