/*
 * proc.c -- runs another program and waits for it.
 *
 * The program gets what is listed here and nothing else of ours: three descriptors, PATH,
 * a plain locale, umask 022, a process group of its own. A program that leaves a
 * daemon behind is done when it ends itself, though the daemon may still hold
 * its output open. At the end of its time the whole group is killed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include "common/cli/proc.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

#define TICK_MS		20	/* how soon the end of a silent program is noticed */

char *
proc_words(const char *const *argv)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; argv[i] != NULL; i++) {
		bool plain =
		    argv[i][0] != '\0' && strpbrk(argv[i], " \t\n'\"$`\\*?;&|<>(){}#~") == NULL;

		buf_printf(&b, "%s%s%s%s", i > 0 ? " " : "", plain ? "" : "'", argv[i],
		    plain ? "" : "'");
	}
	return buf_take(&b);
}

char *
proc_find(const char *name)
{
	if (strchr(name, '/') != NULL)
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	for (const char *p = PROC_PATH; *p != '\0';) {
		size_t len = strcspn(p, ":");
		char *path = xasprintf("%.*s/%s", (int)len, p, name);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
		p += len + (p[len] == ':');
	}
	return NULL;
}

char *
proc_find_own(const char *name)
{
	char self[4096], *slash, *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		path = xasprintf("%.*s/%s", slash != NULL ? (int)(slash - self) : 0, self, name);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	path = xasprintf("%s/%s", SBINDIR, name);
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return proc_find(name);
}

/* --- the child ----------------------------------------------------------- */

static void __attribute__((noreturn))
become(const char *path, const char *const *argv, int in, int out, int err)
{
	static const char *const env[] = { "PATH=" PROC_PATH, "LC_ALL=C", "HOME=/", NULL };

	(void)setpgid(0, 0);
	(void)umask(022);
	(void)signal(SIGPIPE, SIG_DFL);
	if (dup2(in, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    dup2(err, STDERR_FILENO) == -1)
		_exit(126);
#ifdef HAVE_CLOSE_RANGE
	(void)close_range(3, ~0u, 0);
#endif
	(void)execve(path, (char **)(uintptr_t)argv, (char **)(uintptr_t)env);
	_exit(127);
}

/* --- the parent ---------------------------------------------------------- */

struct pipes {
	int	in, out, err;	/* our ends; -1 closed */
};

static void
close_fd(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

static void
take(int *fd, struct buf *b)
{
	char piece[65536];
	ssize_t n = read(*fd, piece, sizeof(piece));

	if (n > 0) {
		if (b->len < PROC_OUTPUT_MAX)
			buf_put(b, piece, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_fd(fd);
}

static void
feed(int *fd, const struct proc *p, size_t *fed)
{
	ssize_t n = write(*fd, p->input + *fed, p->input_len - *fed);

	if (n > 0)
		*fed += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		*fed = p->input_len;	/* it does not want it */
	if (*fed == p->input_len)
		close_fd(fd);
}

/* What is there, waiting a little for it. */
static void
exchange(struct proc *p, struct pipes *io, size_t *fed, int wait_ms)
{
	struct pollfd fd[3] = { { io->in, POLLOUT, 0 }, { io->out, POLLIN, 0 },
		{ io->err, POLLIN, 0 } };

	(void)poll(fd, 3, wait_ms);
	if (io->in != -1 && fd[0].revents != 0)
		feed(&io->in, p, fed);
	if (io->out != -1 && fd[1].revents != 0)
		take(&io->out, &p->out);
	if (io->err != -1 && fd[2].revents != 0)
		take(&io->err, &p->err);
}

static void
drain(struct proc *p, struct pipes *io)
{
	size_t none = p->input_len, before;

	close_fd(&io->in);
	do {
		before = p->out.len + p->err.len;
		exchange(p, io, &none, 0);
	} while (p->out.len + p->err.len > before);
	close_fd(&io->out);
	close_fd(&io->err);
}

/* The last line that it wrote to standard error, else to standard output; "" if it was silent. */
static char *
last_words(const struct proc *p)
{
	const struct buf *b = p->err.len > 0 ? &p->err : &p->out;
	size_t end = b->len, from;

	while (end > 0 && strchr("\r\n \t", b->data[end - 1]) != NULL)
		end--;
	for (from = end; from > 0 && b->data[from - 1] != '\n';)
		from--;
	return end > from ? xasprintf(": %.*s", (int)(end - from < 400 ? end - from : 400),
	    b->data + from) : xstrdup("");
}

static void
tell(struct proc *p, int wstatus, bool late, unsigned seconds)
{
	char *said = last_words(p);

	if (late)
		p->why = xasprintf("%s: no end after %u s, killed%s", p->argv[0], seconds, said);
	else if (WIFSIGNALED(wstatus))
		p->why =
		    xasprintf("%s: killed by signal %d%s", p->argv[0], WTERMSIG(wstatus), said);
	else if (WEXITSTATUS(wstatus) != 0) {
		char *words = proc_words(p->argv);

		p->status = WEXITSTATUS(wstatus);
		p->why = xasprintf("%s: exit status %d%s", words, p->status, said);
		free(words);
	} else
		p->status = 0;
	free(said);
}

static void
attend(struct proc *p, pid_t child, struct pipes *io)
{
	unsigned seconds = p->seconds != 0 ? p->seconds : PROC_SECONDS;
	int64_t end = clock_mono_ms() + (int64_t)seconds * 1000;
	bool late = false;
	size_t fed = 0;
	int wstatus = 0;

	while (waitpid(child, &wstatus, WNOHANG) == 0) {
		if (clock_mono_ms() >= end) {
			late = true;
			(void)kill(-child, SIGKILL);
			(void)kill(child, SIGKILL);
			while (waitpid(child, &wstatus, 0) == -1 && errno == EINTR)
				;
			break;
		}
		exchange(p, io, &fed, TICK_MS);
	}
	drain(p, io);
	tell(p, wstatus, late, seconds);
}

static int
nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static bool
start(struct proc *p, const char *path)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	struct pipes io;
	bool ok = false;
	pid_t child;

	if (pipe2(out, O_CLOEXEC) == -1 || pipe2(err, O_CLOEXEC) == -1 ||
	    (p->input != NULL ? pipe2(in, O_CLOEXEC)
			      : (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC))) == -1 ||
	    (child = fork()) == -1) {
		p->why = xasprintf("%s: %s", p->argv[0], strerror(errno));
	} else if (child == 0) {
		become(path, p->argv, in[0], out[1], err[1]);
	} else {
		close_fd(&in[0]);
		close_fd(&out[1]);
		close_fd(&err[1]);
		io = (struct pipes){ in[1], out[0], err[0] };
		in[1] = out[0] = err[0] = -1;
		(void)nonblocking(io.out);
		(void)nonblocking(io.err);
		if (io.in != -1)
			(void)nonblocking(io.in);
		attend(p, child, &io);
		ok = p->status == 0;
	}
	for (int i = 0; i < 2; i++) {
		close_fd(&in[i]);
		close_fd(&out[i]);
		close_fd(&err[i]);
	}
	return ok;
}

bool
proc_run(struct proc *p)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	char *path = proc_find(p->argv[0]);
	bool ok = false;

	p->status = -1;
	p->why = NULL;
	if (path == NULL) {
		p->why = xasprintf("%s: no such program in " PROC_PATH, p->argv[0]);
		return false;
	}
	(void)sigaction(SIGPIPE, &ignore, &before);	/* it need not read what it is given */
	ok = start(p, path);
	(void)sigaction(SIGPIPE, &before, NULL);
	free(path);
	return ok;
}

void
proc_clear(struct proc *p)
{
	buf_free(&p->out);
	buf_free(&p->err);
	free(p->why);
	p->why = NULL;
}
