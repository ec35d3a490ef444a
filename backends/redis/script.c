/* SPDX-License-Identifier: Apache-2.0
 *
 * The scripts. Lua counts in doubles, which hold a count of 40 bits but not a whole stamp: so epochs stay text. `pcall` is for keys that
 * another program has given another type: those are replaced. Redis before 5 lets a script write after it has asked for something like the
 * time only when its effects are replicated, not itself.
 */
#include "script.h"

#include <string.h>
#include <sys/types.h>

#include <sha1.h>

/* Stamp and floor of the clock, a new one when there is none of this tenure. */
#define CLOCK \
	"if redis.replicate_commands then redis.replicate_commands() end\n" \
	"local replication = redis.call('INFO', 'replication')\n" \
	"if not string.find(replication, 'role:master', 1, true) then\n" \
	"	return redis.error_reply('READONLY this server is a replica')\n" \
	"end\n" \
	"local tenure = string.match(replication, 'master_replid:(%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x)')\n" \
	"local clock = redis.pcall('HGET', KEYS[1], 'clock')\n" \
	"local stamp, floor = ARGV[1], '0000000000000000'\n" \
	"if type(clock) == 'string' and #clock == 50 and string.sub(clock, 1, 16) == tenure then\n" \
	"	stamp, floor = string.sub(clock, 18, 33), string.sub(clock, 35)\n" \
	"else\n" \
	"	redis.call('UNLINK', KEYS[1])\n" \
	"	clock = tenure .. ' ' .. stamp .. ' ' .. floor\n" \
	"	redis.call('HSET', KEYS[1], 'clock', clock)\n" \
	"end\n"

/* How many of the fields that are there a clear looks at for each cell that it writes, to see whether they may be forgotten: enough to
 * outrun what is added. */
#define SWEEP "10"

static const char *const texts[WEIR_REDIS_SCRIPTS] = {
	[WEIR_REDIS_SCRIPT_LOOK] = CLOCK "local found = { clock }\n"
					 "for i = 2, #ARGV do\n"
					 "	found[i] = redis.call('HGET', KEYS[1], ARGV[i])\n"
					 "end\n"
					 "return found\n",
	[WEIR_REDIS_SCRIPT_CLEAR] = CLOCK
	"local function count_of(text) return tonumber(string.sub(text, 7, 16), 16) end\n"
	"local time = redis.call('TIME')\n"
	"local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
	"local count, keep, most = count_of(stamp), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
	"for i = 4, #ARGV do\n"
	"	count = count + 1\n"
	"	stamp = string.sub(stamp, 1, 6) .. string.format('%010x', count)\n"
	"	local old = redis.call('HGET', KEYS[1], ARGV[i])\n"
	"	local old_ends = old and tonumber(string.sub(old, 18))\n"
	"	local text = stamp\n"
	"	if keep > 0 and (not old or old_ends) then\n"
	"		text = stamp .. string.format(' %.0f', math.max(now + keep, old_ends or 0))\n"
	"	end\n"
	"	redis.call('HSET', KEYS[1], ARGV[i], text)\n"
	"end\n"
	"local oldest = redis.call('HLEN', KEYS[1]) > most and count - most or 0\n"
	"local scan = redis.call('HSCAN', KEYS[1], redis.call('HGET', KEYS[1], 'sweep') or '0', 'COUNT', " SWEEP " * (#ARGV - 2))\n"
	"for i = 1, #scan[2], 2 do\n"
	"	local name, text = scan[2][i], scan[2][i + 1]\n"
	"	local is_cell = string.sub(name, 1, 1) == ':'\n"
	"	local over = is_cell and (tonumber(string.sub(text, 18)) or now + 1) <= now\n"
	"	local lost = is_cell and not over and (count_of(text) or count) <= oldest\n"
	"	if lost and count_of(text) > count_of(floor) then\n"
	"		floor = string.sub(text, 1, 16)\n"
	"	end\n"
	"	if over or lost then\n"
	"		redis.call('HDEL', KEYS[1], name)\n"
	"	end\n"
	"end\n"
	"redis.call('HSET', KEYS[1], 'clock', tenure .. ' ' .. stamp .. ' ' .. floor, 'sweep', scan[1])\n"
	"return stamp\n",
	[WEIR_REDIS_SCRIPT_LEASE] = "local held = redis.pcall('GET', KEYS[1])\n"
				    "local free = type(held) ~= 'string' or #held ~= 16\n"
				    "local mine = held == ARGV[2]\n"
				    "if ARGV[1] == 'release' then\n"
				    "	return mine and redis.call('DEL', KEYS[1]) or 0\n"
				    "end\n"
				    "if mine or free and ARGV[1] == 'take' then\n"
				    "	redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
				    "	return 1\n"
				    "end\n"
				    "return 0\n",
	[WEIR_REDIS_SCRIPT_SCAN] = "local scanned = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])\n"
				   "local found = { scanned[1] }\n"
				   "for _, name in ipairs(scanned[2]) do\n"
				   "	local value = redis.pcall('GET', name)\n"
				   "	if type(value) == 'string' then\n"
				   "		found[#found + 1] = name\n"
				   "		found[#found + 1] = value\n"
				   "	end\n"
				   "end\n"
				   "return found\n",
};

void weir_redis_scripts_init(struct weir_redis_script scripts[WEIR_REDIS_SCRIPTS])
{
	for (int i = 0; i < WEIR_REDIS_SCRIPTS; i++) {
		scripts[i].text = texts[i];
		(void)SHA1Data((const uint8_t *)texts[i], strlen(texts[i]), scripts[i].sha);
	}
}
