package pgbouncer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pgteal/pgteal/internal/route"
)

func TestPointChangesAddressesAndNoOtherByte(t *testing.T) {
	to := route.Endpoint{Host: "green", Port: 5433, SocketDirectory: "/run/green"}
	for name, test := range map[string]struct {
		before, after string
		to            route.Endpoint
	}{
		"host and port":          {"a = host=blue port=5432 dbname=x", "a = host=green port=5433 dbname=x", to},
		"port before host":       {"a = port=1 x=y host=blue", "a = port=5433 x=y host=green", to},
		"no port":                {"a = host=blue dbname=x", "a = port=5433 host=green dbname=x", to},
		"no port, default":       {"a = host=blue dbname=x", "a = host=green dbname=x", route.Endpoint{Host: "green", Port: 5432}},
		"host kept":              {"a = host=blue port=1", "a = host=blue port=5433", route.Endpoint{Port: 5433}},
		"quotes kept if same":    {"a = host='blue' port='1'", "a = host='blue' port=5433", route.Endpoint{Host: "blue", Port: 5433}},
		"quoted host":            {"a = host='b lue' port='1'", "a = host=green port=5433", to},
		"spaces, no end of line": {"  a\t=  host = blue   port =1  ", "  a\t=  host = green   port =5433  ", to},
		"socket":                 {"a = host=/run/blue port=1", "a = host=/run/green port=5433", to},
		"abstract socket":        {"a = host=@blue port=1", "a = host=/run/green port=5433", to},
		"socket with spaces":     {"a = host=/run/blue", "a = host='/g '' n'", route.Endpoint{Port: 5432, SocketDirectory: "/g ' n"}},
		"no host":                {"a = dbname=x", "a = host=/run/green port=5433 dbname=x", to},
		"no host, same port":     {"a = port=5433", "a = host=/run/green port=5433", to},
		"no host, socket kept":   {"a = dbname=x", "a = port=5433 dbname=x", route.Endpoint{Port: 5433}},
		"empty":                  {"a =", "a =host=/run/green port=5433", to},
		"wildcard":               {"* = host=blue", "* = port=5433 host=green", to},
		"no spaces":              {"*=host=blue port=1", "*=host=green port=5433", to},
		"quoted name":            {"'a b\"' = host=blue", "'a b\"' = port=5433 host=green", to},
		"quoted value":           {"a = x='y host=n '' port=9' host=b", "a = port=5433 x='y host=n '' port=9' host=green", to},
		"secret with signs":      {"a = password=a=b;c#d host=blue", "a = port=5433 password=a=b;c#d host=green", to},
		"no value lost":          {"a = host=green port=5433", "a = host=green port=5433", to},
	} {
		t.Run(name, func(t *testing.T) {
			const head, tail = "; c \r\n#host=blue\n\n [databases] \n", "\r\n\n; port=5432\n"
			f, err := parseInclude(head + test.before + tail)
			if err != nil {
				t.Fatal(err)
			}
			after, err := f.pointed(test.to)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(head+test.after+tail, after); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			again, err := parseInclude(after)
			if err != nil {
				t.Fatalf("what Point wrote cannot be read: %v", err)
			}
			if !f.sameButAddresses(again) {
				t.Error("the file counts as changed by somebody else")
			}
		})
	}
}

func TestAFileThatPgBouncerReadsDifferentlyIsRefusedWithoutItsPassword(t *testing.T) {
	const secret = "hunter2"
	for name, test := range map[string]struct{ text, words string }{
		"empty":                    {"", "no entry"},
		"section only":             {"[databases]\n", "no entry"},
		"no section":               {"a = host=b password=hunter2\n", "line 1: an entry stands before"},
		"other section":            {"[pgbouncer]\nadmin_users=x\n", "line 1: only a line [databases]"},
		"entry behind section":     {"[databases] a = password=hunter2\n", "line 1: only a line [databases]"},
		"include":                  {"[databases]\n%include /etc/hunter2\n", "line 2: it includes another file"},
		"double quotes":            {"[databases]\n\"a b\" = host=b password=hunter2\n", "line 2: the name is in double quotes"},
		"odd name":                 {"[databases]\na b = host=b password=hunter2\n", "line 2: it does not begin with a name"},
		"name of other letters":    {"[databases]\né = host=b\n", "line 2: it does not begin with a name"},
		"no equals sign":           {"[databases]\nhunter2\n", "line 2: it does not begin with a name"},
		"unfinished name":          {"[databases]\n'a = host=b\n", "line 2: the quoted name"},
		"comment behind entry":     {"[databases]\na = password=hunter2 ; comment\n", "a comment needs a line of its own"},
		"tab":                      {"[databases]\na = password=hunter2\tport=7\n", "there is a tab"},
		"nothing behind quote":     {"[databases]\na = host='b'port=7 password=hunter2\n", "behind the closing quote"},
		"unfinished quote":         {"[databases]\na = password='hunter2\n", "does not end"},
		"empty value":              {"[databases]\na = host= \n", "the value is empty"},
		"empty quotes":             {"[databases]\na = password=hunter2 host=''\n", "the value is empty"},
		"setting twice":            {"[databases]\na = password=hunter2 port=1 port=2\n", "port is there twice"},
		"database twice":           {"[databases]\na = port=1\n\na = port=2\n", "line 4: database \"a\" has an entry in line 2"},
		"port that is no number":   {"[databases]\na = port=hunter2\n", "its port is not a number"},
		"password without its key": {"[databases]\na = port=1 hunter2\n", "not a list of key=value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseInclude(test.text)
			if err == nil || !strings.Contains(err.Error(), test.words) {
				t.Fatalf("error %v, want one with %q", err, test.words)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

func TestPointRefusesAnAddressThatAnEntryCannotTake(t *testing.T) {
	for name, test := range map[string]struct {
		line string
		to   route.Endpoint
	}{
		"no port":             {"a = host=b", route.Endpoint{Host: "c"}},
		"several hosts":       {"a = host=b,c", route.Endpoint{Host: "d", Port: 1}},
		"to several hosts":    {"a = host=b", route.Endpoint{Host: "c,d", Port: 1}},
		"end of line in host": {"a = host=b", route.Endpoint{Host: "c\nx=y", Port: 1}},
		"socket to address":   {"a = host=/run/b", route.Endpoint{Host: "c", Port: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := parseInclude("[databases]\n" + test.line)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := f.pointed(test.to); err == nil {
				t.Errorf("it was taken: %q", text)
			}
		})
	}
}

func TestAnEditBySomebodyElseIsSeen(t *testing.T) {
	parse := func(text string) *include {
		f, err := parseInclude("[databases]\n" + text)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	original := parse("a = host=b port=1 pool_size=5\n; end\n")
	for text, same := range map[string]bool{
		"a = host=c port=2 pool_size=5\n; end\n":          true,
		"a = port=2 pool_size=5 host=c\n; end\n":          true,
		"a = host=b port=1 pool_size=6\n; end\n":          false,
		"a = host=b port=1 pool_size=5\n; END\n":          false,
		"a = host=b port=1 pool_size=5\nb = x=y\n; end\n": false,
		"a = host=b port=1 pool_size=5 user=z\n; end\n":   false,
		"aa = host=b port=1 pool_size=5\n; end\n":         false,
	} {
		if got := original.sameButAddresses(parse(text)); got != same {
			t.Errorf("%q: same but addresses: %t, want %t", text, got, same)
		}
	}
}

func FuzzPoint(f *testing.F) {
	f.Add("[databases]\na = host=b port=1 password='x y'\n* = dbname=z\n")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parseInclude(text)
		if err != nil {
			return
		}
		after, err := file.pointed(route.Endpoint{Host: "green", Port: 5433, SocketDirectory: "/run/green"})
		if err != nil {
			return
		}
		again, err := parseInclude(after)
		if err != nil {
			t.Fatalf("what Point wrote cannot be read: %v\n%q\n%q", err, text, after)
		}
		for _, e := range again.entries {
			if e.portNumber() != 5433 || e.host.value != "green" && e.host.value != "/run/green" {
				t.Errorf("database %q leads to %s\n%q\n%q", e.name, e.address(), text, after)
			}
		}
		if !file.sameButAddresses(again) {
			t.Errorf("more than addresses changed\n%q\n%q", text, after)
		}
	})
}
