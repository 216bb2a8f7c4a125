package pgctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Account is the operating system user that owns a cluster's files and runs its server. PostgreSQL refuses to run as root.
type Account struct {
	UID, GID int
}

// nobody stands for "as ourselves, whoever we are": for programs that also run as root.
var nobody = Account{UID: -1, GID: -1}

// Self is the account of this process.
func Self() Account { return Account{UID: os.Geteuid(), GID: os.Getegid()} }

// OwnerOf returns the account that owns path.
func OwnerOf(path string) (Account, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Account{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Account{}, fmt.Errorf("the owner of %s cannot be told on this system", path)
	}
	return Account{UID: int(stat.Uid), GID: int(stat.Gid)}, nil
}

// Unprivileged returns an account that may run servers: this process's own, or for root the user postgres, or nobody where there is none.
func Unprivileged() (Account, error) {
	if os.Geteuid() != 0 {
		return Self(), nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		return Account{UID: uid, GID: gid}, errors.Join(err1, err2)
	}
	return Account{}, errors.New("PostgreSQL does not run as root, and this host has neither a user postgres nor a user nobody")
}

// Mkdir makes path with its missing parents, all of them owned by the account, path itself with mode 0700.
// It returns the directories that it made, the outermost first.
func (a Account) Mkdir(path string) (made []string, err error) {
	for parent := path; ; parent = filepath.Dir(parent) {
		if _, err := os.Stat(parent); err == nil {
			break
		}
		made = append([]string{parent}, made...)
	}
	for _, dir := range made {
		mode := os.FileMode(0o755)
		if dir == path {
			mode = 0o700
		}
		if err := os.Mkdir(dir, mode); err != nil {
			return made, err
		}
		if err := a.Own(dir); err != nil {
			return made, err
		}
	}
	return made, nil
}

// Own gives path to the account, where we are root and can.
func (a Account) Own(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(path, a.UID, a.GID)
}

// Command returns a program of p that will run as account. Its environment holds no PG* variable of ours: they would change
// what the program does. HOME is the account's: libpq, in servers too, looks for certificates there, and refuses TLS where it may not look
// (initialize_SSL() in src/interfaces/libpq/fe-secure-openssl.c). Its messages are English, since pgteal shows them and reads some.
func (p Programs) Command(ctx context.Context, account Account, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.Path(program), args...)
	cmd.Dir = "/"
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PG") && !strings.HasPrefix(variable, "LC_") && !strings.HasPrefix(variable, "LANG") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	if os.Geteuid() == 0 && account != nobody && account.UID != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{
			Uid: uint32(account.UID), //nolint:gosec // user ids fit by definition
			Gid: uint32(account.GID), //nolint:gosec // group ids too
		}}
		cmd.Env = slices.DeleteFunc(cmd.Env, func(variable string) bool { return strings.HasPrefix(variable, "HOME=") })
		if u, err := user.LookupId(strconv.Itoa(account.UID)); err == nil {
			cmd.Env = append(cmd.Env, "HOME="+u.HomeDir)
		}
	}
	return cmd
}

// Run runs a program of p as account to its end. Its error holds what the program said.
func (p Programs) Run(ctx context.Context, account Account, program string, args ...string) error {
	out, err := p.Command(ctx, account, program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(out)))
	}
	return nil
}
