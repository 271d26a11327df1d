import os

from dotenv import load_dotenv
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

load_dotenv()
pool = ConnectionPool(os.environ['DATABASE_URL'], min_size=1, max_size=10, kwargs={'row_factory': dict_row})


def as_user(user_id, sql, values=None):
    """One statement as a user: row-level security sees who it is until the transaction ends."""
    with pool.connection() as connection:
        connection.execute("SELECT set_config('app.user_id', %s, true)", (user_id,))
        return connection.execute(sql, values).fetchall()
