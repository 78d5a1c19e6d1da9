<?php
// Sets the site up, or brings title, address and password of the administrator up to date.
// What it has to know comes from the environment.
$_SERVER['HTTP_HOST'] = 'localhost';
define('WP_INSTALLING', true);
function wp_new_blog_notification() {}
require '/usr/share/wordpress/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';

$name = getenv('ADMIN_USER');
$email = getenv('ADMIN_EMAIL');
$word = getenv('PASSWORD');
if (!is_blog_installed()) {
    $made = wp_install(getenv('TITLE'), $name, $email, true, '', wp_slash($word));
    if (is_wp_error($made)) {
        fwrite(STDERR, $made->get_error_message() . "\n");
        exit(3);
    }
}
wp_upgrade();
update_option('blogname', getenv('TITLE'));
$user = get_user_by('login', $name);
if (!$user) {
    $id = wp_create_user($name, $word, $email);
    if (is_wp_error($id)) {
        fwrite(STDERR, $id->get_error_message() . "\n");
        exit(1);
    }
    $user = get_user_by('id', $id);
    $user->set_role('administrator');
}
if (!wp_check_password($word, $user->user_pass, $user->ID)) {
    wp_set_password($word, $user->ID);
}
