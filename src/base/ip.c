#include "base/ip.h"

#include <arpa/inet.h>
#include <sys/socket.h>

enum err
ip_parse(struct span text, uint8_t octets[IP_OCTETS_MAX], size_t *n)
{
	bool is_v6 = span_find(text, ':') < text.n;
	uint8_t read[IP_OCTETS_MAX] = { 0 };
	char word[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof word ||
	    span_find(text, '\0') < text.n)
		return ERR_SYNTAX;
	memcpy(word, text.p, text.n);
	word[text.n] = '\0';
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, word, read) != 1)
		return ERR_SYNTAX;
	memcpy(octets, read, sizeof read);
	*n = is_v6 ? 16 : 4;
	return ERR_OK;
}
