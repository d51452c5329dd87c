//! The statements about data-load jobs and their tasks.

macro_rules! columns {
    () => {
        "job_id, environment, universe_key, csv_file, symbols, years, timeframes, include_ohlcv, requested_by, status, \
         message, symbols_total, symbols_done, tasks_total, tasks_done, bars, error_count, errors, first_date, last_date, \
         created_at, started_at, finished_at, updated_at, cancel_requested, attempts, lease_token"
    };
}

pub(super) const PUT: &str = "\
insert into universe.data_load (
  job_id, environment, universe_key, csv_file, symbols, years, timeframes, include_ohlcv, requested_by, status,
  message, created_at, finished_at, updated_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (job_id) do nothing";

pub(super) const HAS_WAITING: &str = "\
select exists (
  select from universe.data_load where environment = $1 and status in ('pending', 'running')
) and not exists (
  select from universe.lease where name = $2 and holder is not null and expires_at > $3
)";

/// One that runs while nobody holds the lease has lost its process: it comes first.
pub(super) const NEXT: &str = "\
select job_id
from universe.data_load
where environment = $1 and status in ('pending', 'running')
order by status desc, created_at, job_id
limit 1
for update";

pub(super) const BEGIN: &str = "\
update universe.data_load
set status = 'running', started_at = coalesce(started_at, $2), updated_at = $2, lease_token = $3,
  attempts = attempts + 1, message = case when status = 'pending' then 'begins' else message end
where job_id = $1";

pub(super) const PLAN: &str = "\
update universe.data_load
set message = $3, symbols_total = $4, first_date = $5, last_date = $6, updated_at = $7
where job_id = $1 and status = 'running' and lease_token = $2";

pub(super) const PUT_TASKS: &str = "\
insert into universe.data_load_task (job_id, symbol, timeframe)
select $1, s.symbol, t.timeframe
from unnest($2::text[]) s (symbol)
cross join unnest($3::text[]) t (timeframe)
on conflict (job_id, symbol, timeframe) do nothing";

pub(super) const RENEW: &str = "\
update universe.lease l
set expires_at = $3
from universe.data_load j
where j.job_id = $1 and l.name = 'data_load:' || j.environment and l.token = $2 and l.holder is not null";

pub(super) const TOUCH: &str = "\
update universe.data_load
set updated_at = $3
where job_id = $1 and status = 'running' and lease_token = $2";

pub(super) const ADVANCE: &str = "\
update universe.data_load
set attempts = case when $3 then 0 else attempts end, updated_at = $4
where job_id = $1 and status = 'running' and lease_token = $2";

pub(super) const MARK: &str = "\
update universe.data_load_task t
set status = v.status, error = v.error, loaded_through = coalesce(v.loaded_through, t.loaded_through),
  bars = t.bars + v.bars
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::date[], $7::bigint[])
  v (symbol, timeframe, status, error, loaded_through, bars)
where t.job_id = $1 and t.symbol = v.symbol and t.timeframe = v.timeframe and t.status = 'pending'";

pub(super) const COUNT_TASKS: &str = "\
update universe.data_load j
set tasks_total = t.total, tasks_done = t.done, error_count = t.failed, bars = t.bars,
  symbols_done = case
    when t.total > 0 then j.symbols_total - t.waiting
    when j.status = 'completed' then coalesce(j.symbols_total, 0)
    else 0
  end,
  errors = coalesce(f.errors, '[]')
from (
  select count(*)::integer as total,
    (count(*) filter (where status <> 'pending'))::integer as done,
    (count(*) filter (where status = 'failed'))::integer as failed,
    (count(distinct symbol) filter (where status = 'pending'))::integer as waiting,
    coalesce(sum(bars), 0)::bigint as bars
  from universe.data_load_task
  where job_id = $1
) t
cross join (
  select json_agg(
    json_build_object('symbol', symbol, 'timeframe', timeframe, 'message', error) order by symbol, timeframe
  ) as errors
  from (
    select symbol, timeframe, error
    from universe.data_load_task
    where job_id = $1 and status = 'failed'
    order by symbol, timeframe
    limit $2
  ) failed
) f
where j.job_id = $1";

pub(super) const END: &str = "\
update universe.data_load
set status = $3, message = $4, finished_at = $5, updated_at = $5
where job_id = $1 and status = 'running' and lease_token = $2";

pub(super) const CANCEL_REQUEST: &str = "\
update universe.data_load
set cancel_requested = true, updated_at = $2
where job_id = $1";

pub(super) const CANCEL: &str = "\
update universe.data_load
set status = 'cancelled', cancel_requested = true, message = 'cancelled', finished_at = $2, updated_at = $2
where job_id = $1";

pub(super) const IS_ALIVE: &str = "\
select exists (
  select from universe.lease where name = $1 and token = $2 and holder is not null and expires_at > $3
)";

pub(super) const DEAD: &str = "\
select j.job_id
from universe.data_load j
where j.environment = $1 and j.status = 'running' and j.attempts >= $4
  and not exists (
    select
    from universe.lease l
    where l.name = $2 and l.token = j.lease_token and l.holder is not null and l.expires_at > $3
  )
order by j.created_at, j.job_id";

pub(super) const FAIL: &str = "\
update universe.data_load
set status = 'failed', message = $2, finished_at = $3, updated_at = $3
where job_id = $1 and status = 'running'";

pub(super) const FIND: &str = concat!("select ", columns!(), "\nfrom universe.data_load\nwhere job_id = $1");

pub(super) const LOCK: &str =
    concat!("select ", columns!(), "\nfrom universe.data_load\nwhere job_id = $1\nfor update");

pub(super) const LIST: &str = concat!(
    "select ",
    columns!(),
    "\nfrom universe.data_load\nwhere environment = $1\norder by created_at desc, job_id desc\nlimit $2\noffset $3"
);

pub(super) const CHANGED: &str = concat!(
    "select ",
    columns!(),
    "\nfrom universe.data_load\nwhere environment = $1 and updated_at >= $2\norder by updated_at desc, job_id\nlimit $3"
);

pub(super) const COUNT: &str = "select count(*) from universe.data_load where environment = $1";

/// Its tasks go with a job. One that has not ended has no instant to compare.
pub(super) const PRUNE: &str = "delete from universe.data_load where environment = $1 and finished_at < $2";

pub(super) const TASK_LIST: &str = "\
select symbol, timeframe, status, loaded_through, bars, error
from universe.data_load_task
where job_id = $1
order by symbol, timeframe";
