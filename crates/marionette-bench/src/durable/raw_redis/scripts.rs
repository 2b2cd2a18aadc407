//! What is asked of the server: the least that keeps a job, finds it, and keeps its end. Nothing is
//! looked at before it is written.

/// Does nothing. `#!lua` makes the server look for a full memory as it does for our scripts.
pub(super) const EMPTY: &str = "#!lua\nreturn 1";

/// Keeps jobs: id and payload, id and payload …
pub(super) const KEEP: &str = "#!lua
local time = redis.call('TIME')
local now, waiting = time[1] * 1000000 + time[2], {}
for at = 1, #ARGV, 2 do waiting[at], waiting[at + 1] = now, ARGV[at] end
redis.call('HSET', KEYS[1], unpack(ARGV))
redis.call('ZADD', KEYS[2], unpack(waiting))
return 1";

/// Takes as many jobs as it is told, and answers with their ids and their payloads.
pub(super) const TAKE: &str = "#!lua
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1])
if #ids == 0 then return {ids} end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, #ids - 1)
local held = {}
for at, id in ipairs(ids) do held[2 * at - 1], held[2 * at] = id, now end
redis.call('HSET', KEYS[3], unpack(held))
return {ids, redis.call('HMGET', KEYS[1], unpack(ids))}";

/// Ends jobs: their ids. They are kept.
pub(super) const END: &str = "#!lua
local ends = {}
for at, id in ipairs(ARGV) do ends[2 * at - 1], ends[2 * at] = id, 'done' end
redis.call('HDEL', KEYS[3], unpack(ARGV))
redis.call('HSET', KEYS[4], unpack(ends))
redis.call('RPUSH', KEYS[5], unpack(ARGV))
return 1";

/// The keys of all scripts: bodies, what waits, what is held, ends, and their order.
pub(super) const KEYS: [&str; 5] = ["bodies", "waiting", "held", "ends", "done"];
