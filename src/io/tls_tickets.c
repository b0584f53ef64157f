/*
 * tls_tickets.c - seal and open session tickets.
 *
 * What a ticket is good for is not decided here: see tls_hello.c.
 */
#include "io/tls_tickets.h"

#include "io/tls_private.h"
#include "os/clock.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#define NAME_OCTETS	16u
#define SECRET_OCTETS	32u
/* The newest, and the one before it. */
#define KEYS		2u

struct ticket_key {
	uint8_t		name[NAME_OCTETS];
	uint8_t		cipher[SECRET_OCTETS], mac[SECRET_OCTETS];
	uint64_t	seals_until_ms, opens_until_ms;	/* 0: no key */
};
_Static_assert(NAME_OCTETS + 2 * SECRET_OCTETS == TLS_TICKET_KEY, "all of it");

struct tls_tickets {
	pthread_mutex_t	   lock;
	struct ticket_key *keys;	/* KEYS of them, a page of their own */
};

#define PAGE	4096u
_Static_assert(KEYS * sizeof(struct ticket_key) <= PAGE, "they fit");

enum err
tls_tickets_new(struct tls_tickets **out)
{
	struct tls_tickets *t = calloc(1, sizeof *t);
	void *page;

	if (t == NULL)
		return ERR_NOMEM;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mlock(page, PAGE) != 0 ||
	    madvise(page, PAGE, MADV_DONTDUMP) != 0) {
		if (page != MAP_FAILED)
			(void)munmap(page, PAGE);
		free(t);
		return ERR_IO;
	}
	t->keys = page;
	ASSERT(pthread_mutex_init(&t->lock, NULL) == 0);
	*out = t;
	return ERR_OK;
}

void
tls_tickets_free(struct tls_tickets *t)
{
	if (t == NULL)
		return;
	explicit_bzero(t->keys, PAGE);
	(void)munmap(t->keys, PAGE);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

static void
lock(struct tls_tickets *t)
{
	ASSERT(pthread_mutex_lock(&t->lock) == 0);
}

static void
unlock(struct tls_tickets *t)
{
	ASSERT(pthread_mutex_unlock(&t->lock) == 0);
}

void
tls_tickets_add(struct tls_tickets *t, struct span key, uint64_t seals_ms,
    uint64_t opens_ms)
{
	uint64_t now = clock_mono_ms();
	struct ticket_key *k = &t->keys[0];

	ASSERT(key.n == TLS_TICKET_KEY);
	lock(t);
	t->keys[1] = t->keys[0];
	memcpy(k->name, span_take(&key, NAME_OCTETS).p, NAME_OCTETS);
	memcpy(k->cipher, span_take(&key, SECRET_OCTETS).p, SECRET_OCTETS);
	memcpy(k->mac, key.p, SECRET_OCTETS);
	k->seals_until_ms = now + seals_ms;
	k->opens_until_ms = now + opens_ms;
	unlock(t);
}

bool
tls_tickets_has_key(struct tls_tickets *t)
{
	bool has_key;

	lock(t);
	has_key = t->keys[0].seals_until_ms > clock_mono_ms();
	unlock(t);
	return has_key;
}

/* AES-256-CBC, then HMAC with SHA-256: what RFC 5077 4 recommends, longer. */
static bool
prepare(const struct ticket_key *k, const unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_seal)
{
	char hash[] = "SHA2-256";
	uint8_t secret[SECRET_OCTETS];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret,
		    sizeof secret),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash,
		    0),
		OSSL_PARAM_construct_end(),
	};
	bool is_good;

	memcpy(secret, k->mac, sizeof secret);
	is_good = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher,
	    iv, is_seal) == 1 && EVP_MAC_CTX_set_params(mac, params) == 1;
	explicit_bzero(secret, sizeof secret);
	return is_good;
}

static int
seal(struct tls_tickets *t, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct ticket_key *k = &t->keys[0];

	/* That there is one was asked when the handshake began. */
	if (k->seals_until_ms == 0 || RAND_bytes(iv, 16) != 1 ||
	    !prepare(k, iv, cipher, mac, 1))
		return -1;
	memcpy(name, k->name, NAME_OCTETS);
	return 1;
}

/* 1: as good as new; 2: good, and to be replaced; 0: a full handshake. */
static int
unseal(struct tls_tickets *t, const unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < KEYS; i++) {
		const struct ticket_key *k = &t->keys[i];

		if (k->opens_until_ms <= now ||
		    memcmp(k->name, name, NAME_OCTETS) != 0)
			continue;
		if (!prepare(k, iv, cipher, mac, 0))
			return -1;
		return i == 0 && k->seals_until_ms > now ? 1 : 2;
	}
	return 0;
}

static int
ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_seal)
{
	const struct tls_conn *c = SSL_get_app_data(ssl);
	struct tls_tickets *t = c->tls->tickets;
	int result;

	lock(t);
	result = is_seal ? seal(t, name, iv, cipher, mac) :
	    unseal(t, name, iv, cipher, mac);
	unlock(t);
	return result;
}

enum err
tls_context_tickets(struct tls_context *tls, struct tls_tickets *tickets,
    struct span binding)
{
	/* As long as a key opens, at most. */
	if (EVP_Digest(binding.p, binding.n, tls->binding, NULL, EVP_sha256(),
	    NULL) != 1 ||
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(tls->ctx, ticket_key) != 1 ||
	    SSL_CTX_set_num_tickets(tls->ctx, 1) != 1)
		return ERR_NOMEM;
	(void)SSL_CTX_set_timeout(tls->ctx, 3600);
	(void)SSL_CTX_clear_options(tls->ctx, SSL_OP_NO_TICKET);
	tls->tickets = tickets;
	return ERR_OK;
}
