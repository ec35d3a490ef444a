/* SPDX-License-Identifier: Apache-2.0
 *
 * The scripts. Lua counts in doubles, which hold a count of 40 bits but not a whole stamp: so epochs stay text. `pcall` is for keys that
 * another program has given another type: SET replaces those.
 */
#include "script.h"

#include <string.h>
#include <sys/types.h>

#include <sha1.h>

/* The stamp of the clock, a new one when there is none of this tenure. */
#define CLOCK \
	"local tenure = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x)')\n" \
	"local clock = redis.pcall('GET', KEYS[1])\n" \
	"local stamp = ARGV[1]\n" \
	"if type(clock) == 'string' and #clock == 33 and string.sub(clock, 1, 16) == tenure then\n" \
	"	stamp = string.sub(clock, 18)\n" \
	"else\n" \
	"	redis.call('SET', KEYS[1], tenure .. ' ' .. stamp)\n" \
	"end\n"

static const char *const texts[WEIR_REDIS_SCRIPTS] = {
	[WEIR_REDIS_SCRIPT_LOOK] =
		CLOCK "local found = { stamp }\n"
		      "for i = 2, #KEYS do\n"
		      "	local cell = redis.pcall('GET', KEYS[i])\n"
		      "	if type(cell) ~= 'string' or #cell ~= 16 or string.sub(cell, 1, 6) ~= string.sub(stamp, 1, 6) then\n"
		      "		cell = false\n"
		      "		if ARGV[i + 1] == '1' then\n"
		      "			cell = stamp\n"
		      "			redis.call('SET', KEYS[i], cell, 'PX', ARGV[2])\n"
		      "		end\n"
		      "	end\n"
		      "	found[i] = cell\n"
		      "end\n"
		      "return found\n",
	[WEIR_REDIS_SCRIPT_CLEAR] =
		CLOCK "local count = tonumber(string.sub(stamp, 7), 16)\n"
		      "for i = 2, #KEYS do\n"
		      "	count = count + 1\n"
		      "	stamp = string.sub(stamp, 1, 6) .. string.format('%010x', count)\n"
		      "	redis.call('SET', KEYS[1], tenure .. ' ' .. stamp)\n"
		      "	local left = redis.call('PTTL', KEYS[i])\n"
		      "	if ARGV[2] == '0' or left == -1 then\n"
		      "		redis.call('SET', KEYS[i], stamp)\n"
		      "	else\n"
		      "		redis.call('SET', KEYS[i], stamp, 'PX', string.format('%.0f', math.max(left, tonumber(ARGV[2]))))\n"
		      "	end\n"
		      "end\n"
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
