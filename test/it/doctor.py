# SPDX-License-Identifier: BSD-2-Clause
"""holdfast doctor: a healthy set-up is all green; each fault is found, and what it says mends it."""
import http.server
import json
import os
import ssl
import threading
import time

from lib import ca
from lib.dns import Nsd
from lib.lab import check, same, scenario
from lib.machine import Machine
from lib.process import patience, run, wait_until

# The machine that the test runs on may have no NTP.
LATER = ('clock',)
ZONES = {
    'example.test': '@ MX 10 mail\n@ MX 20 mx2.example.net.\nmail A 203.0.113.25\nmta-sts A 203.0.113.80\n',
    'alias.test': '@ MX 10 mail.example.test.\n@ MX 20 mx2.example.net.\n',
    'example.net': 'mx2 A 198.51.100.10\n',
    '100.51.198.in-addr.arpa': '10 PTR mx2.example.net.\n',
}
MAIL = 'mail.example.test'


class Doctor:
    def __init__(self, m):
        self.m = m

    def look(self, *checks, status=None):
        """The verdicts of some checks, in order; status: the exit status that is expected."""
        done = self.m.cli('--json', 'doctor', *checks, check=False)
        verdicts = [json.loads(line) for line in done.stdout.splitlines()]
        if status is not None:
            same(done.returncode, status, f'exit status of doctor: {done.stdout}{done.stderr}')
        return verdicts

    def green(self, *checks):
        bad = [v for v in self.look(*checks) if v['status'] in ('warn', 'fail')]
        same(bad, [], f'what ails {checks}')

    def finds(self, name, status, words):
        found = [v for v in self.look(name) if v['status'] == status and words in v['text']]
        check(found, lambda: f'{name} says {status}, "{words}": {self.look(name)}')
        return found[0]

    def mends(self, name, status, words, **instead):
        """The fault is found, the command that is said is run, and then the check is content."""
        v = self.finds(name, status, words)
        check(v['fix'], f'{name} says how to mend it: {v}')
        command = v['fix'].split('  (')[0]
        for what, by in instead.items():
            check(what in command, f'the fix has {what}: {command}')
            command = command.replace(what, by)
        run(['sh', '-c', command], env={'PATH': f'{self.m.build}:{os.environ["PATH"]}'})
        wait_until(lambda: not [w for w in self.look(name) if w['status'] == status and w['text'] == v['text']], 15,
                   lambda: f'"{command}" to mend {name}: {self.look(name)}')


def context(authority, name, **how):
    """A server's side of TLS with a certificate for that name."""
    c = authority.issue(f'{name}-{len(os.listdir(authority.dir))}', name, **how)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(c.cert, c.key)
    return tls


def postconf(*settings, live=False):
    """live: the running servers must know it, too; doctor reads what is written."""
    for setting in settings:
        run(['postconf', '-e', setting])
    if live:
        run(['postfix', 'reload'])


def aliases(m, d, dns):
    """A domain that stands for another has an MX, a policy and a place in the MTA of its own."""
    name = 'alias.test'
    m.cli('rule', 'add', 'alias_domain', name, 'example.test')
    d.green('mx', 'mta-sts', 'relay-domains', 'own-domains', 'transport')
    same({v['domain'] for v in d.look('mx', 'mta-sts')}, {name, 'example.test'}, 'whose MX and policy')
    same([v['domain'] for v in d.look('mx', 'recipients', '--domain', name)], [name, 'example.test'], 'of one alias')
    dns.zone(name, '@ MX 10 mail.example.test.\n')
    same(d.finds('mx', 'fail', 'do not name this host')['domain'], name, 'whose MX')
    dns.zone(name, '@ MX 10 new\n@ MX 20 mx2.example.net.\nnew A 203.0.113.29\n')
    v = d.finds('mx', 'warn', 'not in the rules: new.alias.test')
    check('MX records of alias.test as those of example.test' in v['fix'], v['fix'])
    dns.zone(name, ZONES[name])
    same(m.read('/etc/postfix/main.cf').count('relay_domains'), 1, 'settings of relay_domains')
    before = run(['postconf', '-h', 'relay_domains']).stdout.strip()
    postconf('relay_domains = example.test')
    d.finds('relay-domains', 'fail', 'does not relay for alias.test')
    postconf(f'relay_domains = {before}', 'mydestination = localhost, alias.test')
    d.mends('own-domains', 'fail', 'alias.test: in mydestination')
    postconf('relay_transport = relay', 'transport_maps =')
    d.mends('transport', 'fail', 'of example.test, alias.test')
    m.cli('rule', 'remove', 'alias_domain', name)


def show(m, certificate):
    """Postfix shows this certificate."""
    for name, to in ((certificate.key, '/etc/postfix/key.pem'), (certificate.cert, '/etc/postfix/cert.pem')):
        with open(name) as f:
            m.write(to, f.read(), 0o600)
    postconf('smtpd_tls_security_level = may', 'smtpd_tls_key_file = /etc/postfix/key.pem',
             'smtpd_tls_cert_file = /etc/postfix/cert.pem', live=True)


def own(lab, m, d, authority):
    """The certificate of this host, while no policy asks for a good one."""
    d.green('certificate')                              # none at all
    show(m, ca.self_signed(lab, 'alone', m.hostname))
    wait_until(lambda: d.look('certificate')[0]['status'] == 'ok', 15, lambda: d.look('certificate'))
    check('only MTA-STS' in d.look('certificate')[0]['text'], 'self-signed')
    for n, (days, words) in enumerate((((-10, -3), 'ended '), ((-10, 10), 'ends in 9 days'))):
        show(m, authority.issue(f'dates{n}', m.hostname, days=days))
        wait_until(lambda: words in d.look('certificate')[0]['text'], 15, lambda: f'{words}: {d.look("certificate")}')
        same(d.look('certificate', status=75)[0]['fix'].split('  (')[0],
             'postconf smtpd_tls_chain_files smtpd_tls_cert_file', 'where it is')
    show(m, authority.issue('other', 'other.example.net'))
    wait_until(lambda: 'is not for mx2.example.net' in d.look('certificate')[0]['text'], 15, 'the wrong name')
    d.finds('certificate', 'warn', 'is not for')
    show(m, authority.issue('right', m.hostname))
    wait_until(lambda: d.look('certificate')[0]['status'] == 'ok', 15, lambda: d.look('certificate'))


def demanding(lab, m, d, policy, authority):
    """What a policy makes of it."""
    for mode, status in (('testing', 'warn'), ('enforce', 'fail')):
        policy['text'] = f'version: STSv1\nmode: {mode}\nmx: {m.hostname}\nmax_age: 86400\n'
        for n, (shown, words) in enumerate((
                (authority.issue(f'{mode}-old', m.hostname, days=(-10, -3)), 'its certificate ended '),
                (authority.issue(f'{mode}-other', 'other.example.net'), 'is not for mx2.example.net'),
                (ca.self_signed(lab, f'{mode}-alone', m.hostname), 'is not believed: self'))):
            show(m, shown)
            wait_until(lambda: words in d.look('mta-sts')[0]['text'], 15, lambda: f'{words}: {d.look("mta-sts")}')
            check('smtpd_tls_cert_file' in d.finds('mta-sts', status, words)['fix'], 'where it is')
    postconf('smtpd_tls_security_level = none', live=True)
    wait_until(lambda: 'does not offer STARTTLS' in d.look('mta-sts')[0]['text'], 15, lambda: d.look('mta-sts'))
    show(m, authority.issue('good', m.hostname))
    wait_until(lambda: d.look('mta-sts')[0]['status'] == 'ok', 15, lambda: d.look('mta-sts'))


def sts(lab, m, d, dns, authority):
    """MTA-STS, from an HTTPS server with a certificate of a CA that this machine knows."""
    policy = {'text': f'version: STSv1\r\nmode: enforce\r\nmx: {MAIL}\r\nmax_age: 86400\r\n'}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            good = self.path == '/.well-known/mta-sts.txt' and policy['text']
            self.send_response(200 if good else 404)
            self.end_headers()
            self.wfile.write(policy['text'].encode() if good else b'')

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(('203.0.113.80', 443), Handler)
    server.socket = context(authority, 'mta-sts.example.test').wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lab.at_end(server.shutdown)
    d.green('mta-sts')
    dns.zone('example.test', ZONES['example.test'] + '_mta-sts TXT "v=STSv1; id=1"\n')
    v = d.look('mta-sts')[0]
    if v['status'] == 'skip':       # built without libcurl
        check('curl https://' in v['text'], v['text'])
        return
    d.finds('mta-sts', 'warn', 'has an MTA-STS policy, but')        # a stranger's certificate
    with open('/etc/ssl/certs/ca-certificates.crt', 'a') as f, open(authority.file) as g:
        f.write(g.read())
    v = d.finds('mta-sts', 'fail', 'does not list mx2.example.net')
    check('the line: mx: mx2.example.net' in v['fix'], v['fix'])
    policy['text'] = policy['text'].replace('enforce', 'testing')
    d.finds('mta-sts', 'warn', 'does not list')
    policy['text'] += 'mx: *.example.net\r\n'
    same(d.look('mta-sts')[0]['text'], 'its MTA-STS policy lists this host', 'the policy')
    demanding(lab, m, d, policy, authority)
    policy['text'] = 'mode: enforce\n'
    check('curl https://mta-sts.example.test/' in d.finds('mta-sts', 'fail', 'no version or mode')['fix'], 'its place')
    policy['text'] = ''
    check('curl ' in d.finds('mta-sts', 'warn', 'HTTP 404')['fix'], 'its place')
    dns.zone('example.test', ZONES['example.test'])


def signed(lab, m, d, dns, authority):
    """TLSA of this host in a signed zone."""
    own = authority.issue('own', m.hostname)
    show(m, own)
    zone = 'example.net'
    dns.signed.add(zone)
    dns.zone(zone, ZONES[zone] + f'_25._tcp.mx2 TLSA 3 1 1 {own.pin}\n')
    conf = m.read('/etc/holdfast/holdfast.conf')
    m.write('/etc/holdfast/holdfast.conf', f'{conf}dnssec_anchor = {dns.anchor}\n')
    same(d.look('tlsa')[0]['text'], "_25._tcp.mx2.example.net matches the MTA's certificate", 'TLSA')
    dns.zone(zone, ZONES[zone] + f'_25._tcp.mx2 TLSA 3 1 1 {"0" * 64}\n')
    d.finds('tlsa', 'fail', 'senders that do DANE stay away')
    dns.zone(zone, ZONES[zone])
    same(d.look('tlsa')[0]['text'], '_25._tcp.mx2.example.net is not there, and need not be', 'no TLSA')
    dns.zone(zone, ZONES[zone], expired=True)
    check('delv -t TLSA _25._tcp.mx2.example.net' in d.finds('tlsa', 'fail', 'its signatures are broken')['fix'], 'how')
    dns.zone(zone, ZONES[zone])
    m.write('/etc/holdfast/holdfast.conf', conf)


@scenario(limit=300, network=True)
def doctor(lab):
    m = Machine(lab)
    d = Doctor(m)
    dns = Nsd(lab, ZONES, port=53).start()
    m.postfix(inet_interfaces='127.0.0.1, 198.51.100.10')
    primary = lab.fake_primary(port=25, host='203.0.113.25',
                               extensions=('SIZE 10240000', 'XFORWARD NAME ADDR')).start()
    m.list = lab.write('list', 'joe@example.test\n')

    # Nothing is there yet.
    done = m.cli('doctor', status=78)
    check('holdfast setup' in done.stdout, f'it says what to do: {done.stdout}')
    done = m.cli('setup', '--yes', '--domain', 'example.test', '--primary', MAIL, '--recipients-file', m.list)
    check('nothing starts the daemons after a boot' in done.stdout + done.stderr, f'setup says it: {done.stdout}')
    v = d.finds('units', 'warn', 'nothing of Holdfast\'s starts the daemons after a boot')
    check('holdfast-queued -c /etc/holdfast/holdfast.conf' in v['fix'], v['fix'])
    m.write('/etc/rc.local', '#!/bin/sh\nholdfast-queued\n# holdfast-milter: not yet\n')
    d.finds('units', 'warn', 'nothing of Holdfast\'s starts the daemons after a boot')
    m.write('/etc/rc.local', '#!/bin/sh\nholdfast-queued && holdfast-milter\n')
    d.finds('units', 'ok', 'both daemons are in /etc/rc.local')

    # All is well, quickly, and looking changes nothing.
    before = {p: w for p, w in m.snapshot('/etc', '/var/lib/holdfast').items() if '.db' not in p}
    begin = time.monotonic()
    verdicts = [v for v in d.look() if v['check'] not in LATER]
    took = time.monotonic() - begin
    same([v for v in verdicts if v['status'] not in ('ok', 'skip')], [], 'what ails a healthy set-up')
    lab.say(f'{len(verdicts)} verdicts on a healthy set-up in {took:.1f} s')
    same({p: w for p, w in m.snapshot('/etc', '/var/lib/holdfast').items() if '.db' not in p} == before, True,
         'doctor changes nothing')
    names = {line.split()[0] for line in m.cli('doctor', '--list').stdout.splitlines()}
    same(names - {v['check'] for v in verdicts} - set(LATER), set(), 'checks that said nothing')
    d.look('milters', 'mx', status=0)
    same(m.cli('doctor', '--quiet', 'milters', 'mx', status=0).stdout, '', 'quiet about what is well')
    m.cli('doctor', 'nope', status=64)
    done = run(['setpriv', '--reuid=nobody', '--clear-groups', f'{lab.build}/holdfast', 'doctor'], check=False)
    check('only root can try it as Postfix' in done.stdout, f'as nobody: {done.stdout}{done.stderr}')

    # --- the MTA
    m.stop_queued()
    d.finds('lmtp-socket', 'fail', 'cannot connect')
    same(m.cli('doctor', 'daemons', check=False).returncode, 69, 'exit status when something failed')
    d.mends('daemons', 'fail', 'is it running?')
    m.stop_milter()
    d.mends('milter-socket', 'fail', 'cannot connect')
    os.chmod('/var/spool/postfix/holdfast', 0o700)
    d.mends('milter-socket', 'fail', 'Permission denied')
    run(['postconf', '-X', 'smtpd_milters'])
    d.mends('milters', 'fail', 'mail passes unscreened')
    postconf('milter_default_action = accept')
    d.mends('milters', 'fail', 'mail passes unscreened while the milter is away')
    postconf('smtpd_milters = unix:holdfast/milter.sock, inet:localhost:9')
    d.mends('milters', 'warn', 'not the last')
    postconf('smtpd_milters = unix:holdfast/milter.sock')
    postconf('mail_owner = nosuchuser')
    same(d.look(status=78)[0]['fix'], 'postfix check; postconf -n', 'what mends a Postfix that cannot be read')
    postconf('mail_owner = postfix')
    postconf('in_flow_delay = 1s')
    d.mends('in-flow-delay', 'warn', 'waits so long')
    postconf('relay_domains =')
    d.mends('relay-domains', 'fail', 'example.test')
    postconf('mydestination = localhost, example.test')
    d.mends('own-domains', 'fail', 'mydestination')
    postconf('relay_transport = relay')
    d.mends('transport', 'fail', 'does not come to it')
    postconf('relay_recipient_maps = static:x')
    d.mends('recipient-maps', 'warn', 'static:x')
    postconf('smtpd_forbid_bare_newline = no')
    d.mends('bare-newline', 'fail', 'hide another one')
    postconf('smtpd_relay_restrictions = check_client_access static:OK, reject_unauth_destination', live=True)
    d.mends('relay', 'fail', 'OPEN RELAY: a stranger (198.51.100.10)')
    postconf('smtpd_authorized_xclient_hosts = 127.0.0.0/8', live=True)
    wait_until(lambda: 'by XCLIENT' in d.look('relay')[0]['text'], 10, 'it to be a stranger by XCLIENT')
    postconf('mynetworks = 0.0.0.0/0', live=True)
    d.mends('relay', 'fail', 'OPEN RELAY: a stranger (203.0.113.77')
    postconf('myhostname = other.example.net', live=True)
    d.mends('port25', 'warn', 'greets as other.example.net')
    run(['postfix', 'stop'])
    d.finds('port25', 'fail', 'nobody takes mail')
    m.start_postfix()
    d.green('port25')

    # --- the DNS
    rev = '100.51.198.in-addr.arpa'
    dns.zone(rev, '')
    d.finds('name', 'warn', 'has no name')
    dns.zone(rev, '10 PTR wrong.example.net.\n')
    d.finds('name', 'warn', 'has the name wrong.example.net')
    dns.zone(rev, ZONES[rev])
    dns.zone('example.net', 'mx2 A 203.0.113.7\n')
    d.mends('name', 'warn', 'no interface has 203.0.113.7')       # behind NAT, its reverse name apart
    postconf('proxy_interfaces =')
    dns.zone('example.net', '')
    d.finds('name', 'fail', 'no address')
    dns.zone('example.net', ZONES['example.net'])
    d.green('name')
    zone = 'example.test'
    dns.zone(zone, ZONES[zone].replace('@ MX 20 mx2.example.net.\n', ''))
    d.finds('mx', 'fail', 'do not name this host')
    dns.zone(zone, ZONES[zone].replace('MX 20', 'MX 10'))
    d.finds('mx', 'fail', 'no MX is better')
    dns.zone(zone, ZONES[zone].replace('MX 10 mail', 'MX 10 new') + 'new A 203.0.113.26\n')
    d.mends('mx', 'warn', 'the rules say mail.example.test')
    m.cli('domain', 'set', zone, '--primary', MAIL)
    second = ZONES[zone] + 'second A 203.0.113.27\n'
    for preference, route in ((10, f'{MAIL}+second.{zone}'), (15, f'{MAIL},second.{zone}')):
        dns.zone(zone, f'{second}@ MX {preference} second\n')
        m.cli('domain', 'set', zone, '--primary', MAIL)
        v = d.finds('mx', 'warn', f'; not in the rules: second.{zone}')
        check(v['fix'].endswith(f' --primary {route}'), v['fix'])
        d.mends('mx', 'warn', 'not in the rules')
    dns.zone(zone, second)
    v = d.finds('mx', 'warn', f'; no MX before this host: second.{zone}')
    m.cli('domain', 'set', zone, '--primary', '10.0.0.1')       # the MX cannot name it
    d.green('mx')
    m.cli('domain', 'set', zone, '--primary', f'203.0.113.25:26,203.0.113.27')
    v = d.finds('mx', 'warn', 'no MX before this host: 203.0.113.27')
    check(v['fix'].endswith(f' --primary {MAIL}:26'), v['fix'])     # known by its address
    m.cli('domain', 'set', zone, '--primary', MAIL)
    dns.zone(zone, ZONES[zone])
    d.green('mx')
    aliases(m, d, dns)

    m.cli('domain', 'set', zone, '--primary', 'mx')
    dns.zone(zone, ZONES[zone].replace('@ MX 10 mail\n', ''))
    d.mends('primary', 'fail', 'no host is known to be better', HOST=MAIL)
    m.cli('domain', 'set', zone, '--primary', MAIL)
    dns.zone(zone, ZONES[zone])

    # --- lists, sizes, rooms
    age = int(time.time()) - 8 * 86400
    m.rules(f'UPDATE domain SET list_time = {age}')
    d.mends('recipients', 'warn', '8 days old', FILE=m.list)
    m.rules(f'UPDATE domain SET list_time = {age - 30 * 86400}')
    d.mends('recipients', 'fail', 'no longer believed', FILE=m.list)
    m.cli('domain', 'set', zone, '--recipients', 'any')
    d.mends('recipients', 'warn', 'not checked', FILE=m.list)
    m.cli('domain', 'set', zone, '--recipients', 'verify')
    d.mends('recipients', 'warn', 'does not ask the primary yet')       # the list is there: it only must count
    m.cli('domain', 'add', 'unlisted.test', '--primary', MAIL, '--recipients', 'verify')
    d.mends('recipients', 'warn', 'does not ask the primary yet', FILE=lab.write('unlisted', 'joe@unlisted.test\n'))
    m.cli('domain', 'remove', 'unlisted.test')
    postconf('message_size_limit = 20000')
    d.mends('size', 'fail', 'this host only 19.5 KB')
    postconf('message_size_limit = 104857600')
    m.cli('domain', 'set', zone, '--size-limit', '1M')
    d.mends('size', 'fail', 'this host only 1.0 MB')
    m.cli('domain', 'set', zone, '--size-limit', '50M')
    d.mends('size', 'warn', 'will refuse')
    conf = m.read('/etc/holdfast/holdfast.conf')
    m.write('/etc/holdfast/holdfast.conf', conf + 'queue_reserve = 1024G\n')
    same(d.finds('disk', 'fail', 'mail is refused for now')['fix'], 'df -h /var/lib/holdfast', 'where the queue is')
    os.makedirs('/var/lib/elsewhere')
    m.write('/etc/holdfast/holdfast.conf', conf + 'queue_reserve = 1024G\nqueue_db = /var/lib/elsewhere/queue.db\n')
    same(d.finds('disk', 'fail', 'mail is refused for now')['fix'], 'df -h /var/lib/elsewhere', 'where it is then')
    m.write('/etc/holdfast/holdfast.conf', conf + 'nonsense = 1\n')
    v = d.look(status=78)[0]
    same((v['check'], v['fix'].split('  (')[0]), ('config', 'vi /etc/holdfast/holdfast.conf'), 'a bad configuration')
    m.write('/etc/holdfast/holdfast.conf', conf)
    m.write('/var/lib/holdfast/rules.db.v1', 'x')
    d.green('copies')
    os.utime('/var/lib/holdfast/rules.db.v1', (time.time() - 40 * 86400,) * 2)
    d.mends('copies', 'warn', 'over a month old')

    # --- the primary
    primary.extensions = ('SIZE 10240000',)
    d.finds('trust', 'warn', 'neither XCLIENT nor XFORWARD')
    primary.extensions = ('SIZE 10240000', 'XCLIENT NAME ADDR')
    d.mends('trust', 'warn', 'takes XCLIENT from us but no XFORWARD')
    d.green('trust')
    m.cli('domain', 'set', zone, '--client', 'xforward')
    primary.extensions = ('SIZE 10240000', 'XFORWARD NAME ADDR')
    authority = ca.CA(lab, 'ca')
    primary.tls = context(authority, MAIL)
    d.green('primary-tls')
    m.cli('domain', 'set', zone, '--tls', 'verify')
    d.mends('primary-tls', 'fail', 'not believed', FILE=authority.file)
    primary.tls = context(authority, 'other.example.test')
    d.mends('primary-tls', 'fail', 'not for mail.example.test', **{'NAME-IN-THE-CERTIFICATE': 'other.example.test'})
    primary.tls = context(authority, 'other.example.test', days=(-10, 5))
    d.finds('primary-tls', 'warn', 'ends in')
    primary.tls = None
    d.finds('primary-tls', 'fail', 'does not offer STARTTLS')
    primary.tls = context(authority, MAIL)
    m.cli('domain', 'set', zone, '--tls', 'pinned', '--tls-pin', '0' * 64, '--tls-name', '')
    d.mends('primary-tls', 'fail', 'not the pinned one')
    m.cli('domain', 'set', zone, '--tls', 'may')
    own(lab, m, d, authority)
    sts(lab, m, d, dns, authority)
    signed(lab, m, d, dns, authority)

    # --- three in the morning: the primary is dead, first refusing, then silent, and then the DNS too
    primary.stop()
    v = d.finds('primary', 'fail', 'Connection refused')
    check('held here meanwhile' in v['text'], v['text'])
    d.green('port25-out')
    run(['ip', 'link', 'add', 'hole', 'type', 'veth', 'peer', 'name', 'end'])
    run(['ip', 'address', 'add', '203.0.114.1/24', 'dev', 'hole'])
    for link in ('hole', 'end'):
        run(['ip', 'link', 'set', link, 'up'])
    for n in (25, *range(40, 48)):      # frames for nobody: no answer ever, not even a refusal
        run(['ip', 'neighbour', 'add', f'203.0.114.{n}', 'lladdr', '02:00:00:00:00:99', 'dev', 'hole'])
    dns.zone(zone, ZONES[zone].replace('203.0.113.25', '203.0.114.25'))
    wait_until(lambda: 'no answer in time' in d.look('primary')[0]['text'], 20, 'the primary to be silent')
    d.finds('port25-out', 'warn', 'blocked here')
    for i in range(8):
        m.cli('domain', 'add', f'more{i}.test', '--primary', f'203.0.114.{40 + i}', '--recipients', 'verify')
    many = 60           # more than there is time for
    for i in range(many):
        m.cli('domain', 'add', f'many{i}.test', '--primary', '203.0.114.40', '--recipients', 'any')
    dns.stop()
    begin = time.monotonic()
    verdicts = d.look(status=69)
    took = time.monotonic() - begin
    check(took < 15 * patience(), f'with all of it dead it took {took:.1f} s')
    same({v['check'] for v in verdicts} >= names - set(LATER) - {'size', 'trust', 'primary-tls'}, True,
         'every check says something')
    same([v for v in verdicts if v['status'] == 'fail' and not v['fix']], [], 'failures without what mends them')
    same(sum(v['check'] == 'recipients' for v in verdicts), 1 + 8 + many, 'domains whose list is looked at')
    left = [v for v in verdicts if v['check'] == 'mx' and 'were not looked at' in v['text']]
    same([v['status'] for v in left], ['warn'], 'mx of more domains than there is time for')
    check('--domain NAME' in left[0]['fix'], left[0]['fix'])
    seen = len({v['domain'] for v in verdicts if v['check'] == 'mx' and v['domain'] != ''})
    same(left[0]['text'].split(' were')[0], f'{1 + 8 + many - seen} of {1 + 8 + many} domains', 'how many are left out')
    lab.say(f'{len(verdicts)} verdicts with dead primaries and a dead DNS in {took:.1f} s')
