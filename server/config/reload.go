package config

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"
)

// Reload says how a running server takes over a changed file.
type Reload struct {
	Watch bool `yaml:"watch"`
}

// Admin is the endpoint of mcploop reload and mcploop explain.
type Admin struct {
	Listen string `yaml:"listen"` // Auto, Off, a path or a loopback HOST:PORT
}

func reloadFields() []field {
	return []field{
		{
			path: "reload.watch", hot: true,
			doc: "Take over a change of the file when it is seen. SIGHUP and mcploop reload do " +
				"so anyway.",
		},
		{
			path: "admin.listen", unit: "path or loopback host:port",
			doc: "Where mcploop reload and mcploop explain find the server: the path of a unix " +
				"socket that its owner alone may open, or an address of this host. auto is a " +
				"socket below $XDG_RUNTIME_DIR, or the directory for temporary files, named by " +
				"the configuration file; off is none. Without a file there is none.",
		},
	}
}

// checkAdmin: nobody but this host's users may reach it.
func (c *Config) checkAdmin(report reportFunc) {
	at := c.Admin.Listen
	if at == Auto || at == Off {
		return
	}
	if strings.HasPrefix(at, "/") {
		if len(at) > unixPathMax-adminSuffixMax {
			report("admin.listen", at, fmt.Sprintf("a path may have %d bytes",
				unixPathMax-adminSuffixMax))
		}
		return
	}
	host, _, err := net.SplitHostPort(at)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && !ip.IsLoopback() {
		report("admin.listen", at, "write auto, off, the path of a socket that begins with /, "+
			"or an address of this host alone, such as 127.0.0.1:9998")
	}
}

// adminSuffixMax is what the socket's path needs while it is being made.
const adminSuffixMax = 16

// Sum is the SHA-256 of a configuration file.
type Sum [sha256.Size]byte

// Number is its beginning as a number that a float64 holds exactly, for a gauge.
func (s Sum) Number() (n uint64) {
	for _, b := range s[:6] {
		n = n<<8 | uint64(b)
	}
	return n
}

// String is its beginning, as sha256sum prints it.
func (s Sum) String() string { return fmt.Sprintf("%x", s[:4]) }

// LoadAgain is Load for a server that runs with the file, which may be in the middle of being
// written: it must be a file, not a pipe, and must hold something. sum is that of its bytes; it is
// zero when they could not be read.
func LoadAgain(path string) (cfg *Config, sum Sum, err error) {
	data, err := readRegular(path)
	if err != nil {
		return nil, sum, err
	}
	sum = sha256.Sum256(data)
	if cfg, err = parse(path, data, os.LookupEnv); err != nil {
		return nil, sum, err
	}
	var any yaml.Node // parse has read it, or it is JSON, which is YAML
	if yaml.Unmarshal(data, &any) == nil && (any.Kind == 0 || isNull(any.Content[0])) {
		return nil, sum, Faults{{File: path, Text: "cannot use config: it is empty; to run " +
			"with the defaults, write a key such as name, or start without a file"}}
	}
	return cfg, sum, nil
}

// readRegular is readFile without waiting for what somebody else may write.
func readRegular(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open config: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from: a failed close loses nothing
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read config: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("cannot read config %q: it is no regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read config: %w", err)
	}
	return data, nil
}
