// Package config reads pgteal.yaml.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/pgteal/pgteal/internal/fault"
)

// Config is pgteal.yaml. Keys that it does not know are errors.
type Config struct {
	Upgrade        string     `yaml:"upgrade"`         // the upgrade's name; its state lives under it
	To             int        `yaml:"to"`              // the major version wanted
	Provider       string     `yaml:"provider"`        // "local" (default) or "aurora"
	Blue           Blue       `yaml:"blue"`            //
	Green          Green      `yaml:"green"`           //
	Clone          Clone      `yaml:"clone"`           //
	Aurora         Aurora     `yaml:"aurora"`          // with provider aurora, in place of blue, green and clone
	StateDirectory string     `yaml:"state_directory"` // default: see DefaultStateDirectory
	Switchover     Switchover `yaml:"switchover"`      //
	Routes         []Route    `yaml:"routes"`          // none: clients are not repointed by pgteal
	Hooks          []Hook     `yaml:"hooks"`           // programs that run before and after steps, in this order
	Finish         Finish     `yaml:"finish"`          //
}

// Blue says where the current cluster is: on this host by its data directory, elsewhere by a connection string, or both where
// the connection needs more than the data directory tells.
type Blue struct {
	DataDirectory string `yaml:"data_directory"`
	BinDirectory  string `yaml:"bin_directory"` // found when left out
	Connection    string `yaml:"connection"`    // libpq string or URL, without a password
	PasswordFile  string `yaml:"password_file"` // a file with the password alone; else PGPASSFILE or a service file
}

// Green says what the new cluster is to be.
type Green struct {
	DataDirectory string            `yaml:"data_directory"`
	Port          int               `yaml:"port"`
	BinDirectory  string            `yaml:"bin_directory"` // found when left out
	Host          string            `yaml:"host"`          // the address at which routes and blue reach green; default: blue's
	Service       string            `yaml:"service"`       // auto (default), debian, systemd, pg_ctl: who starts green at boot
	Tablespaces   map[string]string `yaml:"tablespaces"`   // blue's location: green's; default: blue's with "-<to>" behind it
}

// Clone says how green comes to be.
type Clone struct {
	Method string `yaml:"method"` // auto (default), reflink, copy, basebackup
	Jobs   int    `yaml:"jobs"`   // files copied at a time; default: the number of processors
}

// Switchover bounds the pause.
type Switchover struct {
	MaxPause         time.Duration `yaml:"max_pause"`         // default 2s
	OpenTransactions string        `yaml:"open_transactions"` // end (default) or wait: what happens to those still open at half of max_pause
	VerifyFresh      time.Duration `yaml:"verify_fresh"`      // a verification older than this forbids it; default 24h
}

// Finish says what becomes of blue.
type Finish struct {
	// Blue is stop or keep: whether blue's server is stopped. On this host its files always stay, and the default is stop. With provider aurora
	// the default is keep, as AWS starts a stopped DB cluster again after seven days
	// (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-cluster-stop-start.html), and delete deletes it after a final snapshot.
	Blue string `yaml:"blue"`
}

// The providers: where clusters live.
const (
	ProviderLocal  = "local"  // PostgreSQL that people run themselves, green on this host
	ProviderAurora = "aurora" // Amazon Aurora PostgreSQL
)

// DefaultMaxPause holds where max_pause is left out.
const DefaultMaxPause = 2 * time.Second

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// Load reads and checks a configuration file. Its errors are fault.Usage.
func Load(file string) (*Config, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.Usage, fmt.Errorf("there is no configuration file %s", file),
			"Write one (see README.md, \"A real upgrade\") or name it with --config.")
	}
	if err != nil {
		return nil, fault.New(fault.Usage, err, "")
	}
	c, err := Parse(content)
	if err != nil {
		return nil, fault.New(fault.Usage, fmt.Errorf("%s: %w", file, err), "")
	}
	return c, nil
}

// Parse reads and checks a configuration, and fills in the defaults.
func Parse(content []byte) (*Config, error) {
	c := &Config{
		Provider: ProviderLocal,
		Green:    Green{Service: "auto"},
		Clone:    Clone{Method: "auto"},
		Switchover: Switchover{
			MaxPause: DefaultMaxPause, OpenTransactions: "end", VerifyFresh: 24 * time.Hour,
		},
		StateDirectory: DefaultStateDirectory(),
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil {
		return nil, err
	}
	if c.Finish.Blue == "" {
		c.Finish.Blue = "stop"
		if c.Provider == ProviderAurora {
			c.Finish.Blue = "keep"
		}
	}
	return c, c.Check()
}

// State is the directory of this upgrade's journal and reports.
func (c *Config) State() string { return filepath.Join(c.StateDirectory, c.Upgrade) }

// DefaultStateDirectory is /var/lib/pgteal for root, else $XDG_STATE_HOME/pgteal or ~/.local/state/pgteal.
func DefaultStateDirectory() string {
	if os.Geteuid() == 0 {
		return "/var/lib/pgteal"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "pgteal")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "/var/lib/pgteal"
	}
	return filepath.Join(home, ".local/state/pgteal")
}
