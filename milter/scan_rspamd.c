/*
 * scan_rspamd.c -- asks rspamd's normal worker (rspamd.com, "Protocol"): POST /checkv2.
 *
 * The message is the body of the request; who sent it to whom is in headers of the request. The answer
 * is JSON: `score' counts, `action' is told in the log, and all else is rspamd's own affair.
 *
 * HTTP is libcurl's, which is held to this server alone: no proxy of the environment, no
 * redirect, no protocol but HTTP, and nothing longer than SCAN_REPLY_MAX or later than the deadline.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/scan.h"

#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "milter/dial.h"

#define RCPT_HEADERS_MAX	50	/* rspamd reads a limited header; it wants some, not all */
#define HEADER_VALUE_MAX	512

struct exchange {
	const struct check_message *message;
	uint64_t	 offset;	/* sent of it */
	struct buf	 answer;
	size_t		 head;		/* bytes of the answer's header */
	bool		 too_long;
};

/* --- the answer ----------------------------------------------------------------- */

static int
to_score(const json_t *number)
{
	double d = json_number_value(number) * 100;

	if (!(d < SCAN_SCORE_MAX))
		return SCAN_SCORE_MAX;
	if (!(d > -SCAN_SCORE_MAX))
		return -SCAN_SCORE_MAX;
	return (int)(d + (d < 0 ? -0.5 : 0.5));
}

int
scan_rspamd_parse(const char *s, size_t len, struct scan_result *r)
{
	json_error_t where;
	json_t *o = json_loadb(s, len, 0, &where), *score, *word;

	if (!json_is_object(o)) {
		json_decref(o);
		return scan_fault(r, "its answer is not a JSON object");
	}
	score = json_object_get(o, "score");
	if (json_is_number(score)) {
		r->score = to_score(score);
		if (json_is_string(word = json_object_get(o, "action")))
			scan_text(r->text, json_string_value(word), json_string_length(word));
		json_decref(o);
		return 0;
	}
	word = json_object_get(o, "error");
	(void)scan_fault(r, "%s%.150s", json_is_string(word) ? "error: " : "no score in its answer",
	    json_is_string(word) ? json_string_value(word) : "");
	json_decref(o);
	return -1;
}

/* --- libcurl's questions --------------------------------------------------------- */

static size_t
on_read(char *to, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	ssize_t got = x->message->read(x->message, to, size * n, x->offset);

	if (got < 0 || (got == 0 && x->offset < x->message->bytes))
		return CURL_READFUNC_ABORT;
	x->offset += (uint64_t)got;
	return (size_t)got;
}

static size_t
on_write(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	if (x->answer.len + size * n > SCAN_REPLY_MAX) {
		x->too_long = true;
		return 0;
	}
	buf_put(&x->answer, data, size * n);
	return size * n;
}

/* libcurl bounds a line, not their number. */
static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	(void)data;
	x->head += size * n;
	x->too_long = x->too_long || x->head > SCAN_REPLY_MAX;
	return x->too_long ? 0 : size * n;
}

/* --- the question ------------------------------------------------------------------ */

/* Strangers chose most values: no byte of them may begin another line. */
static void
put_header(struct curl_slist **list, const char *name, const char *before, const char *value,
    const char *after)
{
	struct buf b = BUF_INIT;
	struct curl_slist *longer;

	buf_printf(&b, "%s: %s", name, before);
	for (size_t i = 0; value[i] != '\0' && i < HEADER_VALUE_MAX; i++)
		buf_putc(&b, (unsigned char)value[i] < ' ' || value[i] == 0x7f ? '?' : value[i]);
	buf_puts(&b, after);
	if ((longer = curl_slist_append(*list, b.data)) != NULL)
		*list = longer;
	buf_free(&b);
}

static struct curl_slist *
headers(const struct scan_mail *mail)
{
	const struct {
		const char *name, *value;
	} known[] = {
		{ "Ip", mail->client_addr }, { "Helo", mail->helo }, { "Hostname", mail->client_name },
		{ "User", mail->user }, { "Queue-Id", mail->id }, { "MTA-Name", mail->hostname },
	};
	struct curl_slist *list = NULL;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].value[0] != '\0')
			put_header(&list, known[i].name, "", known[i].value, "");
	put_header(&list, "From", "<", mail->sender, ">");
	for (size_t i = 0; i < mail->nrcpts && i < RCPT_HEADERS_MAX; i++)
		put_header(&list, "Rcpt", "<", mail->rcpts[i], ">");
	put_header(&list, "Content-Type", "", "application/octet-stream", "");
	/* An empty value takes out what libcurl would add. */
	put_header(&list, "Expect", "", "", "");
	return list;
}

/* Any option that it will not take is a fault: it may be the one that keeps it here. */
static CURLcode
set_options(CURL *curl, struct exchange *x, const char *url, const struct curl_slist *list, long ms)
{
	CURLcode rc = CURLE_OK;

#define SET(option, value) do { if (rc == CURLE_OK) rc = curl_easy_setopt(curl, option, value); } while (0)
	SET(CURLOPT_URL, url);
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "http");
#else
	SET(CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTP);
#endif
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_CONNECTTIMEOUT_MS, ms < DIAL_ADDRESS_MS ? ms : (long)DIAL_ADDRESS_MS);
	SET(CURLOPT_TIMEOUT_MS, ms);
	SET(CURLOPT_HTTPHEADER, list);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->message->bytes);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, x);
	SET(CURLOPT_WRITEFUNCTION, on_write);
	SET(CURLOPT_WRITEDATA, x);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, x);
#undef SET
	return rc;
}

static int
exchange(CURL *curl, struct exchange *x, const char *server, const struct scan_mail *mail,
    int64_t deadline, struct scan_result *r)
{
	int64_t left = deadline - clock_mono_ms();
	struct curl_slist *list;
	long status = 0;
	CURLcode rc;
	char *url;

	if (left <= 0)		/* to libcurl 0 is for ever */
		return scan_fault(r, "no time left to ask");
	url = xasprintf("http://%s/checkv2", server);
	list = headers(mail);
	if ((rc = set_options(curl, x, url, list, (long)left)) == CURLE_OK)
		rc = curl_easy_perform(curl);
	if (rc == CURLE_OK)
		rc = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(list);
	free(url);
	if (x->too_long)
		return scan_fault(r, "answer too long");
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		return scan_fault(r, "the message cannot be read");
	if (rc != CURLE_OK)
		return scan_fault(r, "%s: %s", server, curl_easy_strerror(rc));
	if (status != 200)
		return scan_fault(r, "answered HTTP status %ld", status);
	return scan_rspamd_parse(buf_str(&x->answer), x->answer.len, r);
}

static void
start_curl(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

int
scan_rspamd(const char *server, const struct scan_mail *mail, int64_t deadline, struct scan_result *r)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct exchange x = { .message = mail->message };
	CURL *curl;
	int rc;

	memset(r, 0, sizeof(*r));
	(void)pthread_once(&once, start_curl);
	if ((curl = curl_easy_init()) == NULL)
		return scan_fault(r, "libcurl does not start");
	rc = exchange(curl, &x, server, mail, deadline, r);
	curl_easy_cleanup(curl);
	buf_free(&x.answer);
	return rc;
}
