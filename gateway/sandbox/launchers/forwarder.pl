# Listens on the loopback of a container without a network, and carries its connections over stdin and stdout to the
# runner's egress proxy. The frames are those of gateway/sandbox/egress/tunnel.ts.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my $window = 262144;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 3128, Listen => 64) or exit 1;
my ($next, $in, %of, %by) = (0, '');

sub out {
    my $data = join '', @_;
    while (length $data) {
        my $sent = syswrite STDOUT, $data;
        exit 0 unless defined $sent;
        substr($data, 0, $sent, '');
    }
}
sub frame { my ($type, $id, $length) = @_; return pack 'aNN', $type, $id, $length || 0 }
sub drop {
    my ($one) = @_;
    delete $by{fileno $one->{socket}};
    delete $of{$one->{id}};
    close $one->{socket};
}

$SIG{PIPE} = 'IGNORE';
out("ready\n");
while (1) {
    my ($reading, $writing) = (IO::Select->new(\*STDIN, $server), IO::Select->new);
    for my $one (values %of) {
        $reading->add($one->{socket}) if !$one->{read} && $one->{sent} < $window;
        $writing->add($one->{socket}) if length $one->{out} || $one->{done};
    }
    my ($read, $write) = IO::Select->select($reading, $writing);
    for my $handle (@{ $read || [] }) {
        if ($handle == \*STDIN) {
            exit 0 unless sysread STDIN, $in, 65536, length $in;
            while (length $in >= 9) {
                my ($type, $id, $length) = unpack 'aNN', $in;
                my $size = $type eq 'd' ? $length : 0;
                last if length $in < 9 + $size;
                my $data = substr $in, 9, $size;
                substr($in, 0, 9 + $size, '');
                my $one = $of{$id} or next;
                $one->{out} .= $data if $type eq 'd';
                $one->{sent} -= $length if $type eq 'w';
                $one->{done} = 1 if $type eq 'e';
            }
        } elsif ($handle == $server) {
            my $socket = $server->accept or next;
            $socket->blocking(0);
            my $one = { id => ++$next, socket => $socket, out => '', sent => 0, read => 0, done => 0 };
            $of{$one->{id}} = $by{fileno $socket} = $one;
            out(frame('o', $one->{id}));
        } else {
            my $one = $by{fileno $handle} or next;
            # One byte more than the window allows ends the whole tunnel.
            my $room = $window - $one->{sent};
            my $got = sysread $handle, my $data, $room < 32768 ? $room : 32768;
            if ($got) {
                $one->{sent} += $got;
                out(frame('d', $one->{id}, $got), $data);
            } elsif (defined $got || !$!{EAGAIN}) {
                $one->{read} = 1;
                out(frame('e', $one->{id}));
            }
        }
    }
    for my $handle (@{ $write || [] }) {
        my $one = $by{fileno $handle} or next;
        if (length $one->{out}) {
            my $sent = syswrite $handle, $one->{out};
            if ($sent) {
                substr($one->{out}, 0, $sent, '');
                out(frame('w', $one->{id}, $sent));
            } elsif (!$!{EAGAIN}) {
                $one->{out} = '';
                $one->{done} = 1;
            }
        }
        if ($one->{done} && !length $one->{out}) {
            out(frame('e', $one->{id})) unless $one->{read};
            drop($one);
        }
    }
}
