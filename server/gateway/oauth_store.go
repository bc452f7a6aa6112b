package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mcploop/mcploop/client/oauth"
)

// TokenStore keeps the tokens of one upstream in a file that its owner alone may read: an
// oauth.Store. Processes may share it: a file is replaced as a whole.
type TokenStore struct {
	Dir  string // made when something is saved, for its owner alone
	Name string // of the upstream
}

// Path is the file for a resource.
func (s TokenStore) Path(resource string) string {
	sum := sha256.Sum256([]byte(resource))
	return filepath.Join(s.Dir, s.Name+"-"+hex.EncodeToString(sum[:4])+".json")
}

const (
	storeFileMode  = 0o600
	storeDirMode   = 0o700
	storeBytesMax  = 1 << 20
	storeOtherBits = 0o077
)

// Load implements oauth.Store. A file that others may read is not used: what is in it may be known
// to them, or theirs.
func (s TokenStore) Load(resource string) (*oauth.Stored, error) {
	path := s.Path(resource)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the tokens: %w", err)
	case info.Mode().Perm()&storeOtherBits != 0:
		return nil, fmt.Errorf("cannot use the tokens in %q: others may read or write it; "+
			"chmod 600, or remove it and log in again", path)
	case info.Size() > storeBytesMax:
		return nil, fmt.Errorf("cannot use the tokens in %q: %d bytes", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the tokens: %w", err)
	}
	var stored oauth.Stored
	if json.Unmarshal(data, &stored) != nil { // its error may show what is in there
		return nil, fmt.Errorf("cannot use the tokens in %q: it is not what was written there; "+
			"remove it and log in again", path)
	}
	return &stored, nil
}

// Save implements oauth.Store.
func (s TokenStore) Save(resource string, stored *oauth.Stored) error {
	data, err := json.Marshal(stored)
	if err != nil {
		return fmt.Errorf("cannot write the tokens: %w", err)
	}
	if err := os.MkdirAll(s.Dir, storeDirMode); err != nil {
		return fmt.Errorf("cannot make a place for the tokens: %w", err)
	}
	f, err := os.CreateTemp(s.Dir, s.unfinished(resource)) // 0600
	if err != nil {
		return fmt.Errorf("cannot write the tokens: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), s.Path(resource))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // else it stays, for its owner alone, until Remove
		return fmt.Errorf("cannot write the tokens: %w", err)
	}
	return nil
}

// Remove forgets a resource; false: there was nothing. A renewal that is under way is waited for,
// as it would save the tokens once more.
func (s TokenStore) Remove(resource string) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lockWaitMax)
	defer cancel()
	if unlock, err := s.Lock(ctx, resource); err == nil {
		defer unlock()
	}
	was, killed := false, strings.TrimSuffix(s.unfinished(resource), "*.tmp")
	names := []string{filepath.Base(s.Path(resource))}
	entries, _ := os.ReadDir(s.Dir) // none: nothing was ever saved
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), killed) && strings.HasSuffix(e.Name(), ".tmp") {
			names = append(names, e.Name())
		}
	}
	for _, name := range names {
		err := os.Remove(filepath.Join(s.Dir, name))
		switch {
		case err == nil:
			was = true
		case !errors.Is(err, fs.ErrNotExist):
			return was, fmt.Errorf("cannot remove the tokens: %w", err)
		}
	}
	return was, nil
}

// unfinished is a pattern: a Save that is killed leaves such a file, with tokens in it.
func (s TokenStore) unfinished(resource string) string {
	return filepath.Base(s.Path(resource)) + ".*.tmp"
}

// storeStamp tells whether a file has changed.
type storeStamp struct {
	at    time.Time
	bytes int64
}

// stamp is that of the file now, zero without one.
func (s TokenStore) stamp(resource string) storeStamp {
	info, err := os.Stat(s.Path(resource))
	if err != nil {
		return storeStamp{}
	}
	return storeStamp{info.ModTime(), info.Size()}
}
