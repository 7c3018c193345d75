package Localhost;

# `*.localhost` is this machine, which Perl's resolver does not know: loaded before programs that tests start.
use strict;
use warnings;
use Socket ();

my $resolved = \&Socket::getaddrinfo;
no warnings 'redefine';
*Socket::getaddrinfo = sub {
    my ( $host, @more ) = @_;
    return $resolved->( ( $host // '' ) =~ /[.]localhost\z/ ? '127.0.0.1' : $host, @more );
};

1;
