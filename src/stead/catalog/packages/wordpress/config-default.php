<?php
// WordPress and its database share this machine: who runs as www-data is known by the socket, so
// there is no password that could be read or guessed.
define('DB_NAME', 'wordpress');
define('DB_USER', 'www-data');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:/run/mysqld/mysqld.sock');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
require '/etc/wordpress/stead-salts.php';

// The edge passes on only names that belong to this site, and says how the visitor came.
$stead_scheme = ($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https' ? 'https' : 'http';
$stead_host = preg_replace('/[^A-Za-z0-9.:\[\]-]/', '', $_SERVER['HTTP_HOST'] ?? 'localhost');
define('WP_HOME', $stead_scheme . '://' . $stead_host);
define('WP_SITEURL', WP_HOME);

define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');
define('FS_METHOD', 'direct');
define('DISALLOW_FILE_EDIT', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_ALLOW_MULTISITE', false);
define('WP_DEBUG', false);
