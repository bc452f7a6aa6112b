package admin

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mcploop/mcploop/server/config"
)

// Addr is where an endpoint listens.
type Addr struct {
	Network string // "unix" or "tcp"
	Address string // a path, or host:port
	auto    bool   // in a directory of ours
}

// String is what --admin takes.
func (a Addr) String() string { return a.Address }

// At is the address that a flag or a key names.
func At(listen string) Addr {
	path, isURL := strings.CutPrefix(listen, "unix://")
	if isURL || strings.HasPrefix(path, "/") {
		return Addr{Network: "unix", Address: path}
	}
	return Addr{Network: "tcp", Address: listen}
}

// For is the address of the server that runs with a file, where a server opens its endpoint. ok is
// false when there is none.
func For(listen, file string) (addr Addr, ok bool) {
	all := Places(listen, file)
	if len(all) == 0 {
		return Addr{}, false
	}
	return all[0], true
}

// Places are where the endpoint of the server with a file may be, the likeliest first: it may have
// been started with other variables than the command that looks for it.
func Places(listen, file string) []Addr {
	if listen == config.Off || listen == config.Auto && file == "" {
		return nil
	}
	if listen != config.Auto {
		return []Addr{At(listen)}
	}
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	sum := sha256.Sum256([]byte(file))
	name := fmt.Sprintf("%x.sock", sum[:8])
	list := []Addr{{Network: "unix", Address: filepath.Join(Dir(), name), auto: true}}
	for _, dir := range []string{
		filepath.Join(fmt.Sprintf("/run/user/%d", os.Getuid()), "mcploop"), ownTemp(),
	} {
		if dir != Dir() {
			list = append(list, Addr{"unix", filepath.Join(dir, name), true})
		}
	}
	return list
}

// Dir is where the socket of auto lies, for this user.
func Dir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mcploop")
	}
	return ownTemp()
}

func ownTemp() string { return filepath.Join(os.TempDir(), fmt.Sprintf("mcploop-%d", os.Getuid())) }

func (a Addr) path() string { return a.Address }

// makeDir makes the directory of auto, and takes none that somebody else could put sockets into.
func (a Addr) makeDir() error {
	if !a.auto {
		return nil
	}
	dir := filepath.Dir(a.path())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Getuid() || !info.IsDir() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%q is not a directory that this user alone may use; "+
			"chmod 700 it or set admin.listen", dir)
	}
	return nil
}

// answerBytesMax bounds what a command reads.
const answerBytesMax = 16 << 20

func readAll(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax+1))
	if len(body) > answerBytesMax {
		return nil, errors.New("cannot read the answer: it is longer than 16MiB")
	}
	return body, err
}
