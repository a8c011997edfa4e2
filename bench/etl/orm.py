"""The original's way: an ORM, one row after the other. The models are read from the schema, so they have the same columns."""

import time

from sqlalchemy import MetaData, Table, create_engine, select, text
from sqlalchemy.orm import Session, registry


def _engine(url):
    return create_engine(url.replace("postgres://", "postgresql+psycopg2://"))


def rows(url, tables):
    """Every row of every table."""
    engine = _engine(url)
    metadata = MetaData()
    with engine.connect() as connection:
        found = {}
        for name in tables:
            table = Table(name, metadata, autoload_with=engine)
            found[name] = [dict(row._mapping) for row in connection.execute(select(table))]
    engine.dispose()
    return found


def empty(url, tables):
    """Takes the rows and leaves the schema; vacuumed, so that no way of loading pays for the one before."""
    engine = _engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("TRUNCATE " + ", ".join(tables)))
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


def _models(engine, tables):
    metadata, mapper = MetaData(), registry()
    models = {}
    for name in tables:
        model = type(name.title(), (), {})
        mapper.map_imperatively(model, Table(name, metadata, autoload_with=engine))
        models[name] = model
    return models


def _make(model, values):
    made = model()
    for key, value in values.items():
        setattr(made, key, value)
    return made


def load_row_by_row(url, tables, rows):
    engine = _engine(url)
    models = _models(engine, tables)
    begin = time.monotonic()
    with Session(engine) as session:
        for name in tables:
            model = models[name]
            keys = [column.name for column in model.__table__.primary_key]
            for values in rows[name]:
                if session.get(model, tuple(values[key] for key in keys)) is None:
                    session.add(_make(model, values))
                    session.flush()
            session.commit()
    passed = time.monotonic() - begin
    engine.dispose()
    return passed


def load_in_one_flush(url, tables, rows):
    engine = _engine(url)
    models = _models(engine, tables)
    begin = time.monotonic()
    with Session(engine) as session:
        for name in tables:
            session.add_all([_make(models[name], values) for values in rows[name]])
            session.flush()
        session.commit()
    passed = time.monotonic() - begin
    engine.dispose()
    return passed
