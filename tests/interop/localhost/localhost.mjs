// `*.localhost` is this machine, which node's resolver does not know by itself: imported before programs that tests start.
import dns from 'node:dns';

const lookup = dns.lookup;
dns.lookup = (host, options, done) => {
  const [given, called] = typeof options === 'function' ? [{}, options] : [options, done];
  if (!String(host).endsWith('.localhost')) return lookup(host, given, called);
  return given.all ? called(null, [{ address: '127.0.0.1', family: 4 }]) : called(null, '127.0.0.1', 4);
};
