/*
 * rules_load.c - the rules of our snapshot, and what they want to be asked.
 */
#include "policy/rules_make.h"
#include "role/receiver/receiver.h"

bool
rules_load(struct receiver *rc)
{
	static const enum rules_fact asked[LOOKUP_FACT_COUNT] = {
		[LOOKUP_FACT_CLIENT] = RULES_CLIENT,
		[LOOKUP_FACT_HELO] = RULES_HELO_NAME,
		[LOOKUP_FACT_SENDER] = RULES_SENDER,
		[LOOKUP_FACT_RECIPIENT] = RULES_RECIPIENT,
		[LOOKUP_FACT_USER] = RULES_USER,
	};
	const struct config_rules *all = rc->role->config->rules;

	rc->rules_memory = arena_make(RULES_MEMORY, 0);
	if (rules_make(all, &rc->rules_memory, &rc->rules) != ERR_OK)
		return false;
	if (all == NULL)
		return true;
	for (size_t i = 0; i < LOOKUP_FACT_COUNT; i++)
		rc->lists[i] = rules_lists(&rc->rules, asked[i]);
	rc->asks_hello = rc->lists[LOOKUP_FACT_HELO] != 0 ||
	    rules_has_stage(&rc->rules, RULES_HELO);
	rc->has_headers = all->nheaders > 0;
	rc->has_routes = all->nroutes > 0;
	rc->has_content_rules = rules_has_stage(&rc->rules, RULES_CONTENT);
	rc->ncopies = (uint32_t)all->ncopies;
	return true;
}
